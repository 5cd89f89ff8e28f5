import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentFilter, type AssessmentStore, InvalidInputError, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { bringTo, census, createAll, keysOf } from '../support/batches.ts';
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

/** Assessments in a state, the oldest first in the order of their keys. */
async function made(prefix: string, count: number, ...states: string[]): Promise<string[]> {
  const keys = keysOf(prefix, count);
  await createAll(setup.store, keys);
  await bringTo(await setup.database.connect(), keys, ...states);
  return keys;
}

/** The keys in the order of creation, as the database has it. */
async function byAge(keys: readonly string[]): Promise<string[]> {
  const psql = await setup.database.connect();
  const { rows } = await psql.query<{ key: string }>(
    'select assessment_id as key from assessment_states where assessment_id = any($1) order by created_at, id',
    [keys],
  );
  return rows.map(({ key }) => key);
}

const where = (prefix: string): AssessmentFilter => ({ assessmentId: { startsWith: prefix } });

describe('batchCancelAssessments', () => {
  test('cancels what matches and can be cancelled, and nothing else', async () => {
    const pending = await made('cancel pending', 3);
    const running = await made('cancel running', 3, 'processing');
    await made('cancel ended', 2, 'processing', 'completed');
    await made('cancel failed', 2, 'processing', 'failed');
    const keep = await made('keep', 2);
    const changed = await setup.store.batchCancelAssessments({ where: where('cancel '), reason: 'not needed' }, actor);
    expect(changed).toEqual(await byAge([...pending, ...running]));
    const psql = await setup.database.connect();
    expect((await census(psql, 'cancel ')).states).toEqual({ 'cancelled 2': 3, 'cancelled 3': 3, 'completed 3': 2, 'failed 3': 2 });
    expect((await census(psql, 'keep')).states).toEqual({ 'pending 1': keep.length });
    const trail = await setup.store.auditTrail(running[0] as string, {}, actor);
    expect(trail.items.at(-1)?.node).toMatchObject({
      oldState: 'PROCESSING',
      newState: 'CANCELLED',
      changedBy: 'tester',
      changeReason: 'not needed',
    });
  });

  test.each([1, 499, 500, 501, 1_000, 1_001])('stops at a limit of %s, the oldest first', async (limit) => {
    const keys = await made(`limit ${limit}-`, 1_001);
    expect(await setup.store.batchCancelAssessments({ where: where(`limit ${limit}-`), limit }, actor)).toEqual(
      (await byAge(keys)).slice(0, limit),
    );
  });

  test('stops at 1,000 when no limit is given, and the next call goes on', async () => {
    await made('default', 1_200);
    expect(await setup.store.batchCancelAssessments({ where: where('default') }, actor)).toHaveLength(1_000);
    expect(await setup.store.batchCancelAssessments({ where: where('default') }, actor)).toHaveLength(200);
    expect(await setup.store.batchCancelAssessments({ where: where('default') }, actor)).toEqual([]);
  });

  test('passes over what is locked, and what another tenant has', async () => {
    const keys = await byAge(await made('locked', 1_300));
    const other = { tenantId: 'other', subject: 'other' };
    await setup.store.createAssessment({ assessmentId: 'locked-other', type: 'HEALTH' }, other);
    const held = keys.filter((_, index) => index % 100 === 0 || index >= 1_290);
    const psql = await setup.database.connect();
    await psql.query('begin');
    await psql.query('select from assessment_states where assessment_id = any($1) for update', [held]);
    const changed = await setup.store.batchCancelAssessments({ where: where('locked'), limit: 10_000 }, actor);
    await psql.query('rollback');
    expect(changed).toEqual(keys.filter((key) => !held.includes(key)));
    expect(await setup.store.batchCancelAssessments({ where: where('locked') }, actor)).toEqual(held);
    expect(await setup.store.getState('locked-other', other)).toMatchObject({ state: 'PENDING' });
  });

  test('whoever waits is told', async () => {
    const [assessmentId = ''] = await made('waited for', 1);
    const end = setup.store.waitForCompletion({ assessmentId }, actor);
    await setup.store.batchCancelAssessments({ where: where('waited for') }, actor);
    expect(await end).toMatchObject({ timedOut: false, assessment: { state: 'CANCELLED' } });
  });

  test('what is completed at the same time stays completed', async () => {
    const keys = await made('race', 2_000, 'processing');
    const rival = await openStore({ databaseUrl: setup.database.url, log: new TestLog() });
    const [cancelled, results] = await Promise.all([
      setup.store.batchCancelAssessments({ where: where('race'), limit: 10_000 }, actor),
      rival.batchCompleteAssessments({ completions: [...keys].reverse().map((assessmentId) => ({ assessmentId, result: {} })) }, actor),
    ]);
    await rival.stop();
    const completed = results.flatMap((result) => (result instanceof Error ? [] : [result.assessmentId]));
    expect(new Set([...cancelled, ...completed]).size).toBe(cancelled.length + completed.length);
    const { states } = await census(await setup.database.connect(), 'race');
    expect(states).toEqual(
      Object.fromEntries(
        Object.entries({ 'cancelled 3': cancelled.length, 'completed 3': completed.length }).filter(([, many]) => many > 0),
      ),
    );
  });

  const empty: [string, AssessmentFilter][] = [
    ['{}', {}],
    ['a field without a condition', { state: {}, serverName: null }],
    ['conditions that are null', { state: { eq: null, in: undefined }, or: null, not: null }],
    ['or without branches', { or: [] }],
    ['or with an empty branch', { or: [{ state: { eq: 'PENDING' } }, {}] }],
    ['or with a hidden empty branch', { or: [{ state: { eq: 'PENDING' } }, { or: [{ not: { or: [] } }] }] }],
    ['not of nothing', { not: {} }],
    ['not not of nothing', { not: { not: { state: {} } } }],
    ['not of what matches nothing', { not: { state: { in: [] } } }],
    ['notIn without values', { state: { notIn: [] } }],
    ['the beginning of every key', { assessmentId: { startsWith: '' } }],
    ['what every name holds', { serverName: { contains: '' } }],
  ];
  test.each(empty)('refuses an empty filter: %s', async (_, filter) => {
    setup.statements.length = 0;
    const error = await refusalOf(setup.store.batchCancelAssessments({ where: filter }, actor));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as InvalidInputError).fields).toEqual([{ path: ['where'], message: expect.stringMatching(/^must have a condition/) }]);
    expect(setup.statements).toEqual([]);
  });

  test('a filter by an empty list is no empty filter: it matches nothing', async () => {
    expect(await setup.store.batchCancelAssessments({ where: { assessmentId: { in: [] } } }, actor)).toEqual([]);
  });

  test('no filter that lets everything through by its form is let through, however it is put together', async () => {
    const tenant = { tenantId: 'forms', subject: 'tester' };
    const kinds = ['COMPLIANCE', 'HEALTH', 'SECURITY'] as const;
    const all = kinds.map((type) => ({ assessmentId: type, serverName: type, type }));
    await setup.store.batchCreateAssessments({ assessments: all }, tenant);
    const leaf = fc.constantFrom<AssessmentFilter>(
      ...[{}, { state: {} }, { or: [] }, { type: { in: [] } }, { state: { notIn: [] } }, { assessmentId: { startsWith: '' } }],
    );
    const { filter } = fc.letrec<{ filter: AssessmentFilter }>((tie) => ({
      filter: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.record({ or: fc.array(tie('filter'), { maxLength: 3 }) }),
        fc.record({ not: tie('filter') }),
        fc.record({ not: tie('filter'), or: fc.array(tie('filter'), { maxLength: 2 }) }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(filter, async (form) => {
        await setup.store.batchCancelAssessments({ where: form }, tenant).catch((error: unknown) => {
          if (!(error instanceof InvalidInputError)) throw error;
        });
        expect(await setup.store.countAssessments({ where: { state: { eq: 'PENDING' } } }, tenant)).toBe(3);
      }),
      { numRuns: 150 },
    );
  });
});

describe('batchRetryFailedAssessments', () => {
  test('begins a new round for those that failed, were tried less often, and match', async () => {
    const fresh = await made('retry fresh', 3, 'processing', 'failed');
    await made('retry tried', 2, 'processing', 'failed', 'pending', 'processing', 'failed');
    await made('retry running', 2, 'processing');
    await made('retry done', 2, 'processing', 'completed');
    const retry = (maxRetries: number) =>
      setup.store.batchRetryFailedAssessments({ maxRetries, where: where('retry '), reason: 'once more' }, actor);
    expect(await retry(1)).toEqual(await byAge(fresh));
    expect((await census(await setup.database.connect(), 'retry ')).states).toEqual({
      ...{ 'completed 3': 2, 'failed 6': 2, 'pending 4': 3, 'processing 2': 2 },
    });
    expect(await setup.store.getState(fresh[0] as string, actor)).toMatchObject({ retryCount: 1, nextRetryAt: null, progress: 0 });
    const trail = await setup.store.auditTrail(fresh[0] as string, {}, actor);
    expect(trail.items.at(-1)?.node).toMatchObject({
      oldState: 'FAILED',
      newState: 'PENDING',
      changedBy: 'tester',
      changeReason: 'once more',
    });
    expect(await retry(1)).toEqual([]);
    expect(await retry(2)).toHaveLength(2);
  });

  test('takes all that failed when there is no filter, within the limit', async () => {
    const other = { tenantId: 'all', subject: 'tester' };
    const keys = keysOf('all', 700);
    await setup.store.batchCreateAssessments({ assessments: keys.map((assessmentId) => ({ assessmentId, type: 'HEALTH' })) }, other);
    await bringTo(await setup.database.connect(), keys, 'processing', 'failed');
    const retry = (limit: number | null) => setup.store.batchRetryFailedAssessments({ maxRetries: 5, limit }, other);
    expect(await retry(501)).toEqual((await byAge(keys)).slice(0, 501));
    expect(await retry(null)).toHaveLength(199);
  });

  test('one that fails again at once is tried once in a call, not for ever', async () => {
    const keys = await made('again', 1_200, 'processing', 'failed');
    const psql = await setup.database.connect();
    // Whatever leaves FAILED is failed anew as soon as the next chunk looks for it.
    await psql.query(`create function fail_again() returns trigger language plpgsql as $$ begin
      update assessment_states set state = 'processing' where assessment_id like 'again-%' and state = 'pending';
      update assessment_states set state = 'failed' where assessment_id like 'again-%' and state = 'processing';
      return null; end $$`);
    await psql.query(`create trigger zz_fail_again after update on assessment_states for each statement
      when (pg_trigger_depth() = 0) execute function fail_again()`);
    const changed = await setup.store.batchRetryFailedAssessments({ maxRetries: 100, where: where('again-'), limit: 10_000 }, actor);
    await psql.query('drop trigger zz_fail_again on assessment_states');
    expect(changed).toEqual(await byAge(keys));
    expect((await census(psql, 'again-')).states).toEqual({ 'failed 6': 1_200 });
  });
});

const calls = {
  cancel: (store: AssessmentStore, input: object) =>
    store.batchCancelAssessments({ where: { priority: { eq: 1 } }, ...input } as never, actor),
  retry: (store: AssessmentStore, input: object) => store.batchRetryFailedAssessments({ maxRetries: 1, ...input } as never, actor),
};
test.each<[keyof typeof calls, string, object]>([
  ['cancel', 'where', { where: null }],
  ['cancel', 'where', { where: undefined }],
  ['cancel', 'where', { where: 'PENDING' }],
  ['cancel', 'where', { where: [] }],
  ['cancel', 'where.nonsense', { where: { nonsense: { eq: 1 } } }],
  ['cancel', 'where.state.eq', { where: { state: { eq: 'GONE' } } }],
  ['cancel', 'limit', { limit: 0 }],
  ['cancel', 'limit', { limit: 10_001 }],
  ['cancel', 'limit', { limit: 1.5 }],
  ['cancel', 'limit', { limit: '10' }],
  ['cancel', 'reason', { reason: 'r'.repeat(2_001) }],
  ['cancel', 'reason', { reason: 'a\0b' }],
  ['retry', 'maxRetries', { maxRetries: 0 }],
  ['retry', 'maxRetries', { maxRetries: -1 }],
  ['retry', 'maxRetries', { maxRetries: 2 ** 31 }],
  ['retry', 'maxRetries', { maxRetries: undefined }],
  ['retry', 'where', { where: 1 }],
  ['retry', 'where.priority.gte', { where: { priority: { gte: 1.5 } } }],
  ['retry', 'limit', { limit: 0 }],
  ['retry', 'reason', { reason: '\ud800' }],
])('%s with a bad %s is refused by its name, and no statement is sent', async (name, path, input) => {
  setup.statements.length = 0;
  const error = await refusalOf(calls[name](setup.store, input));
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as InvalidInputError).fields).toEqual([{ path: path.split('.'), message: expect.stringMatching(/^(must|is not)/) }]);
  expect(setup.statements).toEqual([]);
});
