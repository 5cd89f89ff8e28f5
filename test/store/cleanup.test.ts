import { afterAll, beforeAll, expect, test } from 'vitest';
import { InvalidInputError, NotFoundError, openStore, UnavailableError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { bringTo, census, codesOf, createAll, keysOf } from '../support/batches.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore({ reconcileMs: 100 });
});
afterAll(async () => {
  const flaws = await findAuditFlaws(await setup.database.connect());
  await setup.stop();
  expect(flaws).toEqual([]);
});

/** Assessments in a state, all of whose times lie so many days back. */
async function old(prefix: string, count: number, days: number, ...states: string[]): Promise<string[]> {
  const keys = keysOf(prefix, count);
  await createAll(setup.store, keys);
  const psql = await setup.database.connect();
  await bringTo(psql, keys, ...states);
  await psql.query('set session_replication_role = replica'); // without the triggers, which let nobody tamper with times
  await psql.query(
    `update assessment_states set created_at = created_at - back, updated_at = updated_at - back, started_at = started_at - back, completed_at = completed_at - back
     from make_interval(days => $2) as back where assessment_id = any($1)`,
    [keys, days],
  );
  await psql.query('update assessment_state_audit set created_at = created_at - make_interval(days => $2) where assessment_id = any($1)', [
    keys,
    days,
  ]);
  await psql.end();
  return keys;
}

const cleanUp = (retentionDays: number, dryRun?: boolean) => setup.store.cleanupOldAssessments({ retentionDays, dryRun }, actor);

test('what ended longer ago goes, with its audit trail and its words; all else stays', async () => {
  await old('go completed', 2, 31, 'processing', 'completed');
  await old('go failed', 2, 31, 'processing', 'failed');
  await old('go cancelled', 2, 31, 'cancelled');
  await old('stay pending', 1, 31);
  await old('stay running', 1, 31, 'processing');
  await old('stay younger', 1, 29, 'processing', 'completed');
  const psql = await setup.database.connect();
  const stays = await census(psql, 'stay');
  expect(await cleanUp(30, true)).toBe(6);
  expect((await census(psql, 'go')).audited).toBe(16);
  expect(await cleanUp(30)).toBe(6);
  expect(await census(psql, 'go')).toEqual({ states: {}, audited: 0 });
  expect(await census(psql, 'stay')).toEqual(stays);
  expect(await cleanUp(30)).toBe(0);
  expect(await cleanUp(30, true)).toBe(0);
  await eventually('their words are gone', async () => {
    const { rows } = await psql.query(
      'select from assessment_search d where not exists (select from assessment_states s where s.id = d.id)',
    );
    return rows.length === 0;
  });
});

test('another tenant keeps what is old', async () => {
  const other = { tenantId: 'other', subject: 'other' };
  await old('mine', 2, 40, 'cancelled');
  const psql = await setup.database.connect();
  await psql.query('set session_replication_role = replica');
  await psql.query("update assessment_states set tenant_id = 'other' where starts_with(assessment_id, 'mine')");
  await psql.query("update assessment_state_audit set tenant_id = 'other' where starts_with(assessment_id, 'mine')");
  await psql.end();
  expect(await cleanUp(30)).toBe(0);
  expect(await setup.store.cleanupOldAssessments({ retentionDays: 30 }, other)).toBe(2);
});

test('a deleted one is not found any more, not in the cache either; its key can be used again', async () => {
  const [assessmentId = ''] = await old('cached', 1, 50, 'processing', 'completed');
  expect(await setup.store.loaders(actor).assessment.load(assessmentId)).toMatchObject({ state: 'COMPLETED' });
  expect(await cleanUp(30)).toBe(1);
  expect(await setup.store.loaders(actor).assessment.load(assessmentId)).toBeNull();
  await expect(setup.store.getState(assessmentId, actor)).rejects.toBeInstanceOf(NotFoundError);
  await expect(setup.store.createAssessment({ assessmentId, type: 'SECURITY' }, actor)).resolves.toMatchObject({ created: true });
});

test('whoever watches a FAILED one that is deleted learns that it is gone', async () => {
  const [assessmentId = ''] = await old('watched', 1, 50, 'processing', 'failed');
  const { version } = await setup.store.getState(assessmentId, actor);
  await setup.store.retryAssessment({ assessmentId }, actor);
  const watch = await setup.store.watchAssessment({ assessmentId, afterVersion: version + 1 }, actor);
  const end = refusalOf(watch.next());
  await old('unrelated', 1, 50, 'cancelled');
  const psql = await setup.database.connect();
  // Failed again, by a change that nobody publishes, and long ago.
  await psql.query('set session_replication_role = replica');
  await psql.query(
    `update assessment_states set state = 'failed', started_at = now() - interval '50 days', completed_at = now() - interval '50 days', updated_at = now() - interval '50 days' where assessment_id = $1`,
    [assessmentId],
  );
  await psql.end();
  expect(await cleanUp(30)).toBe(2);
  expect(await end).toBeInstanceOf(NotFoundError);
});

test('a FAILED one that is retried meanwhile survives, and what is locked is passed over', async () => {
  const keys = await old('locked', 1_200, 60, 'processing', 'failed');
  const [held = '', retried = ''] = [keys[0], keys[600]];
  const psql = await setup.database.connect();
  await psql.query('begin');
  await psql.query('select from assessment_states where assessment_id = $1 for update', [held]);
  await psql.query("update assessment_states set state = 'pending', changed_by = 'psql' where assessment_id = $1", [retried]);
  expect(await cleanUp(30)).toBe(1_198);
  await psql.query('commit');
  expect((await census(psql, 'locked')).states).toEqual({ 'failed 3': 1, 'pending 4': 1 });
  expect(await cleanUp(30)).toBe(1);
  expect(await setup.store.getState(retried, actor)).toMatchObject({ state: 'PENDING', retryCount: 1 });
});

test('3,000 go in chunks while retries of some and other commands run, and nobody loses anything', async () => {
  const keys = await old('many', 3_000, 90, 'processing', 'failed');
  const busy = keysOf('busy', 1_000);
  await createAll(setup.store, busy);
  await bringTo(await setup.database.connect(), busy, 'processing');
  const rival = await openStore({ databaseUrl: setup.database.url, log: new TestLog() });
  setup.statements.length = 0;
  const [deleted, deletedByRival, retried, progress, completed] = await Promise.all([
    cleanUp(30),
    rival.cleanupOldAssessments({ retentionDays: 30 }, actor),
    rival.batchRetryFailedAssessments({ maxRetries: 1, where: { assessmentId: { startsWith: 'many' } }, limit: 700 }, actor),
    setup.store.batchUpdateProgress({ updates: busy.map((assessmentId) => ({ assessmentId, progress: 50 })) }, actor),
    Promise.all(busy.slice(0, 50).map((assessmentId) => rival.completeAssessment({ assessmentId, result: {} }, actor))),
  ]);
  await rival.stop();
  expect(deleted + deletedByRival + retried.length).toBe(3_000);
  expect(setup.statements.filter((sql) => sql.includes('deleteEnded')).length).toBeGreaterThan(1);
  const psql = await setup.database.connect();
  expect((await census(psql, 'many')).states).toEqual(retried.length > 0 ? { 'pending 4': retried.length } : {});
  expect(completed).toHaveLength(50);
  expect(codesOf(progress).filter((code) => code !== 'OK' && code !== 'INVALID_TRANSITION')).toEqual([]);
  expect(keys).toEqual(expect.arrayContaining(retried));
});

test('a store that stops lets the chunk under way be the last', async () => {
  await old('stopped', 2_000, 60, 'cancelled');
  const stopping = await openStore({ databaseUrl: setup.database.url, log: new TestLog() });
  const error = refusalOf(stopping.cleanupOldAssessments({ retentionDays: 30 }, actor));
  const psql = await setup.database.connect();
  await eventually('the first are gone', async () => ((await census(psql, 'stopped')).states['cancelled 2'] ?? 0) < 2_000);
  await stopping.stop();
  expect(await error).toBeInstanceOf(UnavailableError);
  const { states } = await census(psql, 'stopped');
  expect(await cleanUp(30)).toBe(states['cancelled 2']);
});

test.each<[object, string]>([
  [{ retentionDays: 0 }, 'retentionDays'],
  [{ retentionDays: -1 }, 'retentionDays'],
  [{ retentionDays: 36_501 }, 'retentionDays'],
  [{ retentionDays: 1.5 }, 'retentionDays'],
  [{ retentionDays: Number.NaN }, 'retentionDays'],
  [{ retentionDays: '30' }, 'retentionDays'],
  [{}, 'retentionDays'],
  [{ retentionDays: 30, dryRun: 'true' }, 'dryRun'],
])('%j is refused by the name of the field, and no statement is sent', async (input, path) => {
  setup.statements.length = 0;
  const error = await refusalOf(setup.store.cleanupOldAssessments(input as never, actor));
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as InvalidInputError).fields).toEqual([{ path: [path], message: expect.stringMatching(/^must be/) }]);
  expect(setup.statements.filter((sql) => /daysAgo|deleteEnded|countEnded/.test(sql))).toEqual([]);
});

test('the limits of retentionDays are fine', async () => {
  expect(await cleanUp(36_500)).toBe(0);
  expect(await cleanUp(1, true)).toBeGreaterThanOrEqual(0);
});
