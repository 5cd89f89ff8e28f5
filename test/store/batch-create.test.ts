import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AlreadyExistsError, type CreateAssessment, InvalidInputError, openStore, RefusalError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { census, codesOf, keysOf } from '../support/batches.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
});
afterAll(async () => {
  const flaws = await findAuditFlaws(await setup.database.connect());
  await setup.stop();
  expect(flaws).toEqual([]);
});

const create = (assessments: CreateAssessment[], atomic?: boolean) => setup.store.batchCreateAssessments({ assessments, atomic }, actor);

describe.each([false, true])('with atomic %s', (atomic) => {
  test('results stand in the order of the input, and say which were created', async () => {
    const keys = keysOf(`order ${atomic}`, 1_203).reverse();
    await create([{ assessmentId: keys[700] as string, type: 'HEALTH' }]);
    const results = await create(
      keys.map((assessmentId) => ({ assessmentId, type: 'HEALTH' })),
      atomic,
    );
    expect(results.map((result) => (result instanceof RefusalError ? result : result.assessment.assessmentId))).toEqual(keys);
    expect(results.filter((result) => 'created' in result && !result.created)).toHaveLength(1);
    expect(results[700]).toMatchObject({ created: false });
    expect(await setup.store.getState(keys[3] as string, actor)).toMatchObject(Object(results[3]).assessment);
  });

  test('the same key twice in one batch is one assessment, and another request for it is refused', async () => {
    const assessmentId = `twice ${atomic}`;
    const same = [{ assessmentId, type: 'HEALTH' } as const, { type: 'SECURITY' } as const, { assessmentId, type: 'HEALTH' } as const];
    expect((await create(same, atomic)).map((result) => Object(result).created)).toEqual([true, true, false]);
  });

  test('an empty batch has no results, and sends no statement', async () => {
    setup.statements.length = 0;
    expect(await create([], atomic)).toEqual([]);
    expect(setup.statements).toEqual([]);
  });

  test('10,000 are normal', { timeout: 120_000 }, async () => {
    const prefix = `many ${atomic}`;
    setup.statements.length = 0;
    const results = await create(
      keysOf(prefix, 10_000).map((assessmentId) => ({ assessmentId, type: 'COMPLIANCE', metadata: { assessmentId } })),
      atomic,
    );
    expect(codesOf(results).filter((code) => code === 'OK')).toHaveLength(10_000);
    expect(await census(await setup.database.connect(), prefix)).toEqual({ states: { 'pending 1': 10_000 }, audited: 10_000 });
    expect(setup.statements.filter((sql) => sql.includes('createAssessments')).length).toBeLessThanOrEqual(40);
  });
});

test('each item has its own outcome', async () => {
  await create([{ assessmentId: 'taken', type: 'HEALTH' }]);
  const results = await create([
    { assessmentId: 'fine', type: 'HEALTH' },
    { assessmentId: 'taken', type: 'SECURITY' },
    { assessmentId: 'bad', type: 'HEALTH', priority: 11, serverName: '' },
    null as never,
    'text' as never,
    { assessmentId: 'taken', type: 'HEALTH' },
    { assessmentId: 'large', type: 'HEALTH', metadata: { a: 'x'.repeat(1024 * 1024) } },
    { assessmentId: 'fine', type: 'SECURITY' },
  ]);
  expect(codesOf(results)).toEqual([
    ...['OK', 'ALREADY_EXISTS', 'INVALID_INPUT', 'INVALID_INPUT', 'INVALID_INPUT', 'OK', 'INVALID_INPUT', 'ALREADY_EXISTS'],
  ]);
  expect(results[1]).toBeInstanceOf(AlreadyExistsError);
  // Paths begin at the item.
  expect((results[2] as InvalidInputError).fields.map(({ path }) => path)).toEqual([['serverName'], ['priority']]);
  expect((results[6] as InvalidInputError).fields.map(({ path }) => path)).toEqual([['metadata']]);
  expect(results[5]).toMatchObject({ created: false, assessment: { assessmentId: 'taken' } });
});

test.each<[string, object, string[]]>([
  ['no list', {}, ['assessments']],
  ['a list that is a text', { assessments: 'abc' }, ['assessments']],
  ['null', { assessments: null }, ['assessments']],
  ['10,001 items', { assessments: Array.from({ length: 10_001 }, () => ({ type: 'HEALTH' })) }, ['assessments']],
  ['atomic that is a text', { assessments: [], atomic: 'yes' }, ['atomic']],
])('%s is refused as a whole, and no statement is sent', async (_, input, path) => {
  setup.statements.length = 0;
  const error = await refusalOf(setup.store.batchCreateAssessments(input as never, actor));
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as InvalidInputError).fields).toEqual([{ path, message: expect.stringMatching(/^must /) }]);
  expect(setup.statements).toEqual([]);
});

test('neither the length of a batch nor repeated keys ever mix up its results', { timeout: 120_000 }, async () => {
  let runs = 0;
  const length = fc.constantFrom(1, 2, 99, 100, 101, 499, 500, 501, 999, 1_000, 1_001, 1_499, 1_501);
  await fc.assert(
    fc.asyncProperty(length, fc.integer({ min: 1, max: 1_600 }), fc.boolean(), async (count, different, atomic) => {
      const prefix = `property ${++runs}`;
      const keys = Array.from({ length: count }, (_, index) => `${prefix}-${(index * 7) % different}`);
      const results = await create(
        keys.map((assessmentId) => ({ assessmentId, type: 'HEALTH' })),
        atomic,
      );
      expect(results.map((result) => Object(result).assessment?.assessmentId)).toEqual(keys);
      const first = keys.map((key, index) => keys.indexOf(key) === index);
      expect(results.map((result) => Object(result).created)).toEqual(first);
    }),
    // Few different keys mean many rounds; a shrunk example is not worth the statements.
    {
      numRuns: 12,
      endOnFailure: true,
      examples: [
        [1_501, 1_600, false],
        [1_000, 500, true],
        [60, 1, false],
      ],
    },
  );
});

test('the commands of other callers are not kept waiting until a large batch is done', async () => {
  let batchIsDone = false;
  const batch = create(keysOf('long', 5_000).map((assessmentId) => ({ assessmentId, type: 'HEALTH' }))).finally(() => {
    batchIsDone = true;
  });
  await setup.store.createAssessment({ assessmentId: 'short', type: 'HEALTH' }, actor);
  expect(batchIsDone).toBe(false);
  await batch;
});

test.each([false, true])('a store that stops lets a batch under way finish, with atomic %s', async (atomic) => {
  const prefix = `stopped ${atomic}`;
  const stopping = await openStore({ databaseUrl: setup.database.url, log: new TestLog() });
  const assessments = keysOf(prefix, 2_000).map((assessmentId) => ({ assessmentId, type: 'HEALTH' as const }));
  const batch = stopping.batchCreateAssessments({ assessments, atomic }, actor);
  await stopping.stop();
  expect(codesOf(await batch)).toEqual(assessments.map(() => 'OK'));
  expect(await census(await setup.database.connect(), prefix)).toEqual({ states: { 'pending 1': 2_000 }, audited: 2_000 });
});
