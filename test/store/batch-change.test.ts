import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidInputError, isDatabaseAway, openStore, RefusalError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { bringTo, census, codesOf, createAll, keysOf } from '../support/batches.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
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

async function processing(prefix: string, count: number): Promise<string[]> {
  const keys = keysOf(prefix, count);
  await createAll(setup.store, keys);
  await bringTo(await setup.database.connect(), keys, 'processing');
  return keys;
}

describe.each([false, true])('with atomic %s', (atomic) => {
  test('progress and results of 10,000 are normal', { timeout: 120_000 }, async () => {
    const prefix = `all ${atomic}`;
    const keys = await processing(prefix, 10_000);
    setup.statements.length = 0;
    const updates = keys.map((assessmentId, index) => ({ assessmentId, progress: index % 101, message: `step ${index}` }));
    const progress = await setup.store.batchUpdateProgress({ updates, atomic }, actor);
    expect(progress.map((result) => (result instanceof RefusalError ? result.code : result.message))).toEqual(
      updates.map(({ message }) => message),
    );
    const completions = keys.map((assessmentId, index) => ({ assessmentId, result: { index }, expectedVersion: 3 }));
    const results = await setup.store.batchCompleteAssessments({ completions, atomic }, actor);
    expect(results.map((result) => (result instanceof RefusalError ? result.code : result.assessmentId))).toEqual(keys);
    expect(await census(await setup.database.connect(), prefix)).toEqual({ states: { 'completed 4': 10_000 }, audited: 40_000 });
    expect((await setup.store.getState(keys[9_999] as string, actor)).resultData).toEqual({ index: 9_999 });
    expect(setup.statements.filter((sql) => sql.includes('transitionAssessments')).length).toBeLessThanOrEqual(80);
  });

  test('those of one assessment are done one after the other, in the order of the input', async () => {
    const [one = '', two = ''] = await processing(`steps ${atomic}`, 2);
    const updates = Array.from({ length: 30 }, (_, index) => ({
      assessmentId: index % 3 === 0 ? two : one,
      progress: index,
      message: `${index}`,
    }));
    const results = await setup.store.batchUpdateProgress({ updates, atomic }, actor);
    expect(results.map((result) => Object(result).progress)).toEqual(updates.map(({ progress }) => progress));
    expect(await setup.store.getState(one, actor)).toMatchObject({ version: 2 + 20, progress: 29 });
    expect(await setup.store.getState(two, actor)).toMatchObject({ version: 2 + 10, progress: 27 });
  });
});

test('each item has its own outcome', async () => {
  const keys = await processing('mixed', 6);
  const [fine = '', ended = '', , held = ''] = keys;
  const psql = await setup.database.connect();
  await bringTo(psql, [ended], 'cancelled');
  await psql.query(
    "update assessment_states set claimed_by = 'w', claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now() + interval '1 minute' where assessment_id = $1",
    [held],
  );
  const results = await setup.store.batchUpdateProgress(
    {
      updates: [
        { assessmentId: fine, progress: 50 },
        { assessmentId: ended, progress: 50 },
        { assessmentId: held, progress: 50 },
        { assessmentId: 'nobody', progress: 50 },
        { assessmentId: fine, progress: 101, message: '\0' },
        { assessmentId: fine, progress: 40 },
        { assessmentId: fine, progress: 60, expectedVersion: 2 },
        { assessmentId: fine, progress: 60, expectedVersion: 3 },
        {} as never,
      ],
    },
    actor,
  );
  expect(codesOf(results)).toEqual([
    ...['OK', 'INVALID_TRANSITION', 'CLAIM_LOST', 'NOT_FOUND', 'INVALID_INPUT', 'INVALID_INPUT', 'VERSION_CONFLICT', 'OK', 'INVALID_INPUT'],
  ]);
  expect((results[4] as InvalidInputError).fields.map(({ path }) => path)).toEqual([['progress'], ['message']]);
  expect((results[5] as InvalidInputError).fields.map(({ path }) => path)).toEqual([['progress']]);
  expect(await setup.store.getState(fine, actor)).toMatchObject({ progress: 60, version: 4 });
});

test('the first of two results for one assessment wins', async () => {
  const [assessmentId = ''] = await processing('first', 1);
  const completions = [1, 2].map((number) => ({ assessmentId, result: { number } }));
  expect(codesOf(await setup.store.batchCompleteAssessments({ completions }, actor))).toEqual(['OK', 'INVALID_TRANSITION']);
  expect((await setup.store.getState(assessmentId, actor)).resultData).toEqual({ number: 1 });
});

test('one assessment that stays locked by others is refused alone, after the patience of one command', async () => {
  const keys = await processing('locked', 1_200);
  const held = [keys[0] ?? '', keys[700] ?? '', keys[1_199] ?? ''];
  const impatient = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), lockPatienceMs: 300 });
  const psql = await setup.database.connect();
  await psql.query('begin');
  await psql.query('select from assessment_states where assessment_id = any($1) for update', [held]);
  const results = await impatient.batchCompleteAssessments(
    { completions: keys.map((assessmentId) => ({ assessmentId, result: {} })) },
    actor,
  );
  await psql.query('rollback');
  await impatient.stop();
  expect(keys.filter((_, index) => results[index] instanceof RefusalError)).toEqual(held);
  expect((results[0] as InvalidInputError).fields).toEqual([
    { path: [], message: expect.stringMatching(/locked .* nothing was changed.* again/) },
  ]);
  expect(await census(psql, 'locked')).toMatchObject({ states: { 'completed 3': 1_197, 'processing 2': 3 } });
});

test('a database that goes away in the middle is told as such, and what was done stays done', async () => {
  const keys = await processing('away', 2_000);
  const proxy = await TcpProxy.before(setup.database.url);
  const far = await openStore({ databaseUrl: proxy.through(setup.database.url), log: new TestLog() });
  const psql = await setup.database.connect();
  // The batch cannot end while its last row is held.
  await psql.query('begin');
  await psql.query('select from assessment_states where assessment_id = $1 for update', [keys.at(-1)]);
  const completions = keys.map((assessmentId) => ({ assessmentId, result: {} }));
  const error = refusalOf(far.batchCompleteAssessments({ completions }, actor));
  const counting = await setup.database.connect();
  await eventually('the batch has begun', async () => ((await census(counting, 'away')).states['completed 3'] ?? 0) > 0);
  await proxy.cut();
  expect(isDatabaseAway(await error)).toBe(true);
  await psql.query('rollback');
  await far.stop();
  const { states } = await census(psql, 'away');
  expect(states['processing 2']).toBeGreaterThan(0);
  expect((states['completed 3'] ?? 0) + (states['processing 2'] ?? 0)).toBe(2_000);
});

test.each<[string, () => Promise<unknown>, string]>([
  ['no updates', () => setup.store.batchUpdateProgress({} as never, actor), 'updates'],
  [
    '10,001 updates',
    () => setup.store.batchUpdateProgress({ updates: new Array(10_001).fill({ assessmentId: 'a', progress: 1 }) }, actor),
    'updates',
  ],
  ['completions that are an object', () => setup.store.batchCompleteAssessments({ completions: {} as never }, actor), 'completions'],
  ['atomic that is a number', () => setup.store.batchCompleteAssessments({ completions: [], atomic: 1 as never }, actor), 'atomic'],
])('%s is refused as a whole', async (_, call, path) => {
  const error = await refusalOf(call());
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as InvalidInputError).fields).toEqual([{ path: [path], message: expect.stringMatching(/^must /) }]);
});
