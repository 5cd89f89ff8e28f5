import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentStore, type ClaimedAssessment, type CreateAssessment, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let second: AssessmentStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore({ maintenanceMs: 3_600_000, retryBaseMs: 50 });
  second = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), maintenanceMs: 3_600_000, retryBaseMs: 50 });
  psql = await setup.database.connect();
});
afterAll(async () => {
  expect(await findAuditFlaws(psql)).toEqual([]);
  await second.stop();
  await setup.stop();
});

let made = 0;
async function claimNew(input: Partial<CreateAssessment> = {}, leaseMs = 60_000): Promise<ClaimedAssessment & { assessmentId: string }> {
  const assessmentId = `leased-${++made}`;
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH', priority: 1, ...input }, actor);
  const [claimed] = await setup.store.claimAssessments({ workerId: 'w1', leaseMs }, actor);
  if (claimed?.assessment.assessmentId !== assessmentId) throw new Error('the queue was not empty');
  return { ...claimed, assessmentId };
}
const beat = (claimTokens: string[], workerId = 'w1', leaseMs = 60_000) => setup.store.heartbeat({ workerId, claimTokens, leaseMs }, actor);
/** Puts the end of the lease into the past, as waiting would; the guard takes it for a renewed lease. */
const runOut = (assessmentId: string) =>
  psql.query(`update assessment_states set claim_expires_at = clock_timestamp() - interval '1 second' where assessment_id = $1`, [
    assessmentId,
  ]);
const isPast = async (at: Date) => (await psql.query('select clock_timestamp() > $1 as past', [at])).rows[0].past;

describe('a heartbeat', () => {
  test('renews what is held, changes no version and writes no audit entry', async () => {
    const { assessmentId, claimToken, expiresAt } = await claimNew({}, 5_000);
    const before = await setup.store.getState(assessmentId, actor);
    const [result] = await beat([claimToken]);
    expect(result).toMatchObject({ claimToken, held: true, cancelled: false });
    expect(result?.expiresAt?.getTime()).toBeGreaterThan(expiresAt.getTime() + 30_000);
    expect(await setup.store.getState(assessmentId, actor)).toEqual({ ...before, claimExpiresAt: result?.expiresAt });
    expect((await setup.store.auditTrail(assessmentId, {}, actor)).items).toHaveLength(2);
  });

  test('never shortens a lease', async () => {
    const { claimToken, expiresAt } = await claimNew({}, 60_000);
    const [result] = await beat([claimToken], 'w1', 1_000);
    expect(result?.expiresAt?.getTime()).toBeGreaterThanOrEqual(expiresAt.getTime());
  });

  test('of an unchanged row is a HOT update: no index is written', async () => {
    const { claimToken } = await claimNew();
    const hot = async () => {
      await psql.query('select pg_stat_force_next_flush()').catch(() => {});
      const { rows } = await psql.query(
        `select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = 'assessment_states'`,
      );
      return rows[0];
    };
    const before = await hot();
    for (let beats = 0; beats < 10; beats++) await beat([claimToken]);
    await eventually('the statistics have them', async () => (await hot()).hot - before.hot >= 10);
  });

  test('tells each token its own: held, cancelled, finished, unknown, of another worker, run out', async () => {
    const [held, cancelled, finished, late] = [await claimNew(), await claimNew(), await claimNew(), await claimNew()];
    await setup.store.cancelAssessment({ assessmentId: cancelled.assessmentId }, actor);
    await setup.store.completeAssessment({ assessmentId: finished.assessmentId, result: {}, claimToken: finished.claimToken }, actor);
    await runOut(late.assessmentId);
    const tokens = [cancelled.claimToken, randomUUID(), held.claimToken, finished.claimToken, late.claimToken];
    expect((await beat(tokens)).map((result) => [result.claimToken, result.held, result.cancelled, result.expiresAt !== null])).toEqual([
      [tokens[0], false, true, false],
      [tokens[1], false, false, false],
      [tokens[2], true, false, true],
      [tokens[3], false, false, false],
      [tokens[4], false, false, false],
    ]);
    expect(await beat([held.claimToken], 'another')).toMatchObject([{ held: false, cancelled: false }]);
    const stranger = { tenantId: 'another', subject: 'x' };
    expect(await setup.store.heartbeat({ workerId: 'w1', claimTokens: [held.claimToken, cancelled.claimToken] }, stranger)).toMatchObject([
      { held: false, cancelled: false },
      { held: false, cancelled: false },
    ]);
    expect(await setup.store.maintenance.expireClaims()).toBe(1);
  });

  test('renews the others while an operator holds one row locked, and does not call that one lost', async () => {
    const [locked, free] = [await claimNew(), await claimNew({}, 5_000)];
    await psql.query('begin');
    await psql.query('select from assessment_states where assessment_id = $1 for update', [locked.assessmentId]);
    const results = await beat([locked.claimToken, free.claimToken]);
    await psql.query('rollback');
    expect(results).toMatchObject([{ held: true, expiresAt: locked.expiresAt }, { held: true }]);
    expect(results[1]?.expiresAt?.getTime()).toBeGreaterThan(free.expiresAt.getTime());
  });

  test('of no token is answered, and of 10,000 too', async () => {
    expect(await beat([])).toEqual([]);
    const { claimToken } = await claimNew();
    const results = await beat([...Array.from({ length: 9_999 }, () => randomUUID()), claimToken]);
    expect(results.filter(({ held }) => held).map((result) => result.claimToken)).toEqual([claimToken]);
  });
});

describe('a release', () => {
  test('gives back what is held, at once, counts no retry and says so in the audit trail', async () => {
    const { assessmentId, claimToken } = await claimNew({ maxRetries: 1 });
    await setup.store.updateProgress({ assessmentId, progress: 40, message: 'half', claimToken }, actor);
    const strange = randomUUID();
    const results = await setup.store.releaseAssessments({ workerId: 'w1', claimTokens: [strange, claimToken], reason: 'deploy' }, actor);
    expect(results).toEqual([
      { claimToken: strange, released: false },
      { claimToken, released: true },
    ]);
    expect(await setup.store.getState(assessmentId, actor)).toMatchObject({
      state: 'PENDING',
      retryCount: 0,
      nextRetryAt: null,
      progress: 0,
      claimedBy: null,
    });
    const { items } = await setup.store.auditTrail(assessmentId, { last: 1 }, actor);
    expect(items[0]?.node).toMatchObject({ oldState: 'PROCESSING', newState: 'PENDING', changeReason: 'deploy' });
    expect(await setup.store.releaseAssessments({ workerId: 'w1', claimTokens: [claimToken] }, actor)).toMatchObject([{ released: false }]);
    await setup.store.cancelAssessment({ assessmentId }, actor);
  });

  test('waits a while for a row that an operator holds locked', async () => {
    const { assessmentId, claimToken } = await claimNew();
    await psql.query('begin');
    await psql.query('select from assessment_states where assessment_id = $1 for update', [assessmentId]);
    const released = setup.store.releaseAssessments({ workerId: 'w1', claimTokens: [claimToken] }, actor);
    await eventually('it has tried', () => setup.statements.filter((sql) => sql.includes('releaseAssessments')).length > 2);
    await psql.query('rollback');
    expect(await released).toMatchObject([{ released: true }]);
    await setup.store.cancelAssessment({ assessmentId }, actor);
  });
});

describe('a lease that has run out', () => {
  test('without retries ends as FAILED, with a message that says which worker and when', async () => {
    const { assessmentId } = await claimNew();
    await runOut(assessmentId);
    expect(await setup.store.maintenance.expireClaims()).toBe(1);
    const ended = await setup.store.getState(assessmentId, actor);
    expect(ended).toMatchObject({ state: 'FAILED', claimedBy: null });
    expect(ended.errorMessage).toMatch(/^the lease of worker "w1" ran out at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z; no retries are left$/);
    const { items } = await setup.store.auditTrail(assessmentId, { last: 1 }, actor);
    expect(items[0]?.node).toMatchObject({ changedBy: 'service:maintenance', newState: 'FAILED' });
  });

  test('with retries left waits for its time, becomes ready then, and is claimed by another', async () => {
    const { assessmentId, claimToken } = await claimNew({ maxRetries: 1 });
    await runOut(assessmentId);
    await setup.store.maintenance.expireClaims();
    const waiting = await setup.store.getState(assessmentId, actor);
    expect(waiting).toMatchObject({ state: 'PENDING', retryCount: 1, errorMessage: expect.stringContaining('ran out') });
    expect(waiting.nextRetryAt).toBeInstanceOf(Date);
    await eventually('its time has come', () => isPast(waiting.nextRetryAt ?? new Date()));
    expect(await setup.store.maintenance.readyRetries()).toBeLessThanOrEqual(1);
    const again = await eventually(
      'it is claimed',
      async () => (await second.claimAssessments({ workerId: 'w2', waitMs: 1_000 }, actor))[0],
    );
    expect(again.assessment).toMatchObject({ assessmentId, claimedBy: 'w2', retryCount: 1, errorMessage: null, nextRetryAt: null });
    const late = [
      setup.store.updateProgress({ assessmentId, progress: 50, claimToken }, actor),
      setup.store.completeAssessment({ assessmentId, result: {}, claimToken }, actor),
      setup.store.failAssessment({ assessmentId, error: 'late', claimToken }, actor),
    ];
    for (const report of late) await expect(report).rejects.toMatchObject({ code: 'CLAIM_LOST' });
    await second.completeAssessment({ assessmentId, result: {}, claimToken: again.claimToken }, actor);
  });

  test('is ended once, however many instances look', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => setup.store.createAssessment({ type: 'SECURITY' }, actor)));
    const claims = await setup.store.claimAssessments({ workerId: 'w1', types: ['SECURITY'], limit: 500 }, actor);
    expect(claims).toHaveLength(all.length);
    await psql.query(`update assessment_states set claim_expires_at = clock_timestamp() - interval '1 second' where type = 'security'`);
    const counts = await Promise.all([setup.store, second, setup.store, second].map((store) => store.maintenance.expireClaims()));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(40);
  });

  test('of a row that an operator holds locked is ended later, and holds nobody up', async () => {
    const [locked, free] = [await claimNew(), await claimNew()];
    await runOut(locked.assessmentId);
    await runOut(free.assessmentId);
    await psql.query('begin');
    await psql.query('select from assessment_states where assessment_id = $1 for update', [locked.assessmentId]);
    expect(await setup.store.maintenance.expireClaims()).toBe(1);
    await psql.query('rollback');
    expect(await setup.store.maintenance.expireClaims()).toBe(1);
  });
});

describe('a timeout', () => {
  test('ends a claimed attempt even while heartbeats come, and one that was started without a claim', async () => {
    const claimed = await claimNew({ timeoutMs: 50 });
    await setup.store.createAssessment({ assessmentId: 'started', type: 'HEALTH', timeoutMs: 1, maxRetries: 1 }, actor);
    await setup.store.startProcessing({ assessmentId: 'started' }, actor);
    await eventually('both have taken too long', async () => {
      await beat([claimed.claimToken]);
      await setup.store.maintenance.expireClaims();
      return (await setup.store.getState(claimed.assessmentId, actor)).state === 'FAILED';
    });
    expect((await setup.store.getState(claimed.assessmentId, actor)).errorMessage).toBe(
      'it took longer than its timeout of 50 ms (worker "w1"); no retries are left',
    );
    const started = await setup.store.getState('started', actor);
    expect(started).toMatchObject({ state: 'PENDING', retryCount: 1, errorMessage: 'it took longer than its timeout of 1 ms' });
    expect(await beat([claimed.claimToken])).toMatchObject([{ held: false, cancelled: false }]);
    await setup.store.cancelAssessment({ assessmentId: 'started' }, actor);
  });
});

test('the loops do all of it by themselves, when it is due and not at the next tick', async () => {
  const { assessmentId } = await claimNew({ maxRetries: 1 }, 300);
  const waiting = second.claimAssessments({ workerId: 'w2', waitMs: 30_000 }, actor);
  const ready = setup.store.claimAssessments({ workerId: 'w3', waitMs: 30_000 }, actor);
  // The ticks of both are an hour apart: only what the claims have told of their ends can be the reason.
  const [claims] = await Promise.race([waiting, ready]);
  expect(claims?.assessment).toMatchObject({ assessmentId, retryCount: 1 });
});
