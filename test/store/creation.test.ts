import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AlreadyExistsError, type AssessmentStore, type CreateAssessment, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { refusalOf, settle } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let second: AssessmentStore;
beforeAll(async () => {
  setup = await startTestStore();
  second = await openStore({ databaseUrl: setup.database.url, log: new TestLog() });
});
afterAll(async () => {
  await second.stop();
  await setup.stop();
});

const create = (input: CreateAssessment, store = setup.store) => store.createAssessment(input, actor);

describe('a creation', () => {
  test('begins PENDING with the defaults, and is there with what was asked for', async () => {
    const { assessment, created } = await create({ assessmentId: 'plain', type: 'SECURITY', metadata: { ticket: 1 } });
    expect(created).toBe(true);
    expect(assessment).toMatchObject({
      ...{ assessmentId: 'plain', tenantId: 'default', state: 'PENDING', version: 1, type: 'SECURITY', source: 'API', serverName: null },
      ...{ priority: 5, progress: 0, retryCount: 0, maxRetries: 0, timeoutMs: null, nextRetryAt: null, claimedBy: null },
      ...{ createdAt: assessment.updatedAt, startedAt: null, completedAt: null, message: null, errorMessage: null },
    });
    expect(await setup.store.getState('plain', actor)).toEqual({
      ...assessment,
      requestData: { assessmentId: 'plain', type: 'SECURITY', metadata: { ticket: 1 } },
      resultData: null,
    });
  });

  test('keeps everything that it is given', async () => {
    const input = {
      ...({ assessmentId: 'full', type: 'COMPLIANCE', source: 'INSTALLER', serverName: 'db-1' } as const),
      ...{ priority: 1, timeoutMs: 9, maxRetries: 4, options: { deepScan: true, serverFilter: ['a'] }, metadata: { a: [1, null, 'ä😀'] } },
    };
    const { assessment } = await create(input);
    const { options: _, metadata: __, ...columns } = input;
    expect(assessment).toMatchObject(columns);
    expect((await setup.store.getState('full', actor)).requestData).toEqual(input);
  });

  test('without a key has its id as its key', async () => {
    const { assessment } = await create({ type: 'HEALTH' });
    expect(assessment.assessmentId).toBe(assessment.id);
    expect(assessment.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test('is idempotent: the same request gives the assessment that is there, as it is now', async () => {
    const first = await create({ assessmentId: 'again', type: 'HEALTH', metadata: { a: 1, b: 2 } });
    await setup.store.startProcessing({ assessmentId: 'again' }, actor);
    const repeated = await create({ assessmentId: 'again', type: 'HEALTH', source: 'API', metadata: { b: 2, a: 1 }, options: {} });
    expect(repeated).toMatchObject({ created: false, assessment: { id: first.assessment.id, state: 'PROCESSING', version: 2 } });
  });

  test('with another request is refused with the assessment that holds the key', async () => {
    const { assessment } = await create({ assessmentId: 'other', type: 'HEALTH' });
    const error = await refusalOf(create({ assessmentId: 'other', type: 'HEALTH', priority: 1 }));
    expect(error).toBeInstanceOf(AlreadyExistsError);
    expect(error).toMatchObject({ code: 'ALREADY_EXISTS', assessment });
  });

  test('in another tenant has nothing to do with it', async () => {
    const elsewhere = { tenantId: 'elsewhere', subject: 'tester' };
    await create({ assessmentId: 'shared', type: 'HEALTH' });
    const { created } = await setup.store.createAssessment({ assessmentId: 'shared', type: 'SECURITY' }, elsewhere);
    expect(created).toBe(true);
    expect((await setup.store.getState('shared', elsewhere)).type).toBe('SECURITY');
    expect((await setup.store.getState('shared', actor)).type).toBe('HEALTH');
    await expect(setup.store.cancelAssessment({ assessmentId: 'plain' }, elsewhere)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe.each([
  ['one store', () => [setup.store]],
  ['two stores on one database', () => [setup.store, second]],
])('100 creations of one key at once, over %s', (name, storesOf) => {
  const storeFor = (index: number) => storesOf()[index % storesOf().length] ?? setup.store;
  const atOnce = (assessmentId: string, request: (index: number) => Partial<CreateAssessment>) =>
    settle(Array.from({ length: 100 }, (_, index) => create({ assessmentId, type: 'HEALTH', ...request(index) }, storeFor(index))));

  test.each([0, 1, 2])('with the same request: one creates it, 99 are given it (round %i)', async (round) => {
    const { answers, errors } = await atOnce(`${name} same ${round}`, () => ({}));
    expect(errors).toEqual([]);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ assessment }) => assessment.id)).size).toBe(1);
  });

  test.each([0, 1, 2])('with different requests: one wins, 99 are refused with the winner (round %i)', async (round) => {
    const { answers, errors } = await atOnce(`${name} different ${round}`, (index) => ({ metadata: { index } }));
    expect(answers).toHaveLength(1);
    expect(answers[0]?.created).toBe(true);
    expect(errors).toHaveLength(99);
    for (const error of errors) {
      expect(error).toBeInstanceOf(AlreadyExistsError);
      expect(error).toMatchObject({ assessment: { id: answers[0]?.assessment.id } });
    }
  });
});

test('after all of it every assessment has its audit trail', async () => {
  expect(await findAuditFlaws(await setup.database.connect())).toEqual([]);
});

test('what a creation answers is what is read afterwards, field by field', async () => {
  const inputs: CreateAssessment[] = [
    { assessmentId: 'answer-least', type: 'COMPLIANCE' },
    { assessmentId: 'answer-most', type: 'HEALTH', source: 'INSTALLER', serverName: 'web-1', priority: 1, timeoutMs: 1, maxRetries: 3 },
  ];
  for (const input of inputs) {
    const { assessment } = await setup.store.createAssessment(input, actor);
    const { items } = await setup.store.listAssessments({ where: { assessmentId: { eq: input.assessmentId ?? '' } } }, actor);
    expect(items.map(({ node }) => node)).toStrictEqual([assessment]);
  }
});
