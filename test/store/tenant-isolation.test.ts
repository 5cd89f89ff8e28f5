import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Actor, AssessmentStore } from '../../src/store/index.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';
import { acme, fillTenant, globex, type Known, rowsOf } from '../support/two-tenants.ts';

let setup: TestStore;
let psql: pg.Client;
let known: Known;
/** What is known of assessments that there never were. */
let unknown: Known;
beforeAll(async () => {
  setup = await startTestStore({ reconcileMs: 3_600_000, maintenanceMs: 3_600_000 });
  psql = await setup.database.connect();
  known = await fillTenant(setup.store, acme);
  await endLongAgo(acme);
  unknown = {
    ...known,
    assessmentIds: known.assessmentIds.map((_, index) => `nobody ${index}`),
    ids: known.ids.map(() => randomUUID()),
    ...{ claimToken: randomUUID(), cancelledClaimToken: randomUUID(), auditSeq: '9223372036854775807' },
  };
});
afterAll(() => setup.stop());

/** What has ended did so long ago: a cleanup would take it. */
const endLongAgo = ({ tenantId }: Actor) =>
  psql.query(`begin; set local session_replication_role = replica;
    update assessment_states set updated_at = updated_at - interval '2 days', completed_at = completed_at - interval '2 days'
    where tenant_id = '${tenantId}' and state in ('completed', 'failed', 'cancelled'); commit`);

type Call = (store: AssessmentStore, actor: Actor, what: Known) => unknown;
const each = (what: Known, run: (assessmentId: string) => Promise<unknown>) => Promise.all(what.assessmentIds.map((id) => told(run(id))));
const drained = async (iterable: AsyncIterable<unknown> & { return?: () => unknown }, most: number): Promise<unknown[]> => {
  const taken: unknown[] = [];
  if (most > 0) for await (const entry of iterable) if (taken.push(entry) === most) break;
  await iterable.return?.();
  return taken;
};

/** Every function of the store that takes an actor, with all that somebody could try. */
const calls: Record<string, Call> = {
  createAssessment: () => 'has a test of its own: the key is free',
  startProcessing: (store, actor, what) => each(what, (assessmentId) => store.startProcessing({ assessmentId }, actor)),
  updateProgress: (store, actor, what) =>
    each(what, (assessmentId) => store.updateProgress({ assessmentId, progress: 9, claimToken: what.claimToken }, actor)),
  completeAssessment: (store, actor, what) =>
    each(what, (assessmentId) => store.completeAssessment({ assessmentId, result: {}, claimToken: what.claimToken }, actor)),
  failAssessment: (store, actor, what) =>
    each(what, (assessmentId) => store.failAssessment({ assessmentId, error: 'x', claimToken: what.claimToken }, actor)),
  cancelAssessment: (store, actor, what) =>
    each(what, (assessmentId) => store.cancelAssessment({ assessmentId, expectedVersion: 1 }, actor)),
  retryAssessment: (store, actor, what) => each(what, (assessmentId) => store.retryAssessment({ assessmentId }, actor)),
  claimAssessments: (store, actor) => store.claimAssessments({ workerId: 'w', limit: 500 }, actor),
  heartbeat: (store, actor, what) =>
    store.heartbeat({ workerId: 'w', claimTokens: [what.claimToken, what.cancelledClaimToken], leaseMs: 100 }, actor),
  releaseAssessments: (store, actor, what) =>
    store.releaseAssessments({ workerId: 'w', claimTokens: [what.claimToken, what.cancelledClaimToken] }, actor),
  queueStatus: (store, actor) => store.queueStatus(actor),
  batchCreateAssessments: () => 'has a test of its own: the keys are free',
  batchUpdateProgress: (store, actor, what) =>
    Promise.all(
      [false, true].map((atomic) =>
        store.batchUpdateProgress({ updates: what.assessmentIds.map((assessmentId) => ({ assessmentId, progress: 9 })), atomic }, actor),
      ),
    ),
  batchCompleteAssessments: (store, actor, what) =>
    Promise.all(
      [false, true].map((atomic) =>
        store.batchCompleteAssessments(
          { completions: what.assessmentIds.map((assessmentId) => ({ assessmentId, result: {}, claimToken: what.claimToken })), atomic },
          actor,
        ),
      ),
    ),
  batchRetryFailedAssessments: (store, actor, what) =>
    Promise.all([
      store.batchRetryFailedAssessments({ maxRetries: 9 }, actor),
      store.batchRetryFailedAssessments({ maxRetries: 9, where: { assessmentId: { in: what.assessmentIds } } }, actor),
    ]),
  batchCancelAssessments: (store, actor, what) =>
    Promise.all([
      store.batchCancelAssessments({ where: { assessmentId: { in: what.assessmentIds } } }, actor),
      store.batchCancelAssessments({ where: { state: { in: ['PENDING', 'PROCESSING'] } } }, actor),
    ]),
  cleanupOldAssessments: (store, actor) =>
    Promise.all([true, false].map((dryRun) => store.cleanupOldAssessments({ retentionDays: 1, dryRun }, actor))),
  getState: (store, actor, what) => each(what, (assessmentId) => store.getState(assessmentId, actor)),
  waitForCompletion: (store, actor, what) => each(what, (assessmentId) => store.waitForCompletion({ assessmentId, timeoutMs: 0 }, actor)),
  watchAssessment: (store, actor, what) =>
    each(what, async (assessmentId) => drained(await store.watchAssessment({ assessmentId }, actor), 1)),
  feedAssessments: async (store, actor, what) => [
    await drained(await store.feedAssessments({ after: what.feedCursor }, actor), 0),
    (await store.feedAssessments({ after: '0', where: { assessmentId: { in: what.assessmentIds } } }, actor)).take(1_000),
  ],
  feedCursor: (store, actor) => store.feedCursor(actor),
  listAssessments: (store, actor, what) =>
    Promise.all([
      store.listAssessments({}, actor),
      store.listAssessments({ where: { assessmentId: { in: what.assessmentIds } } }, actor),
      store.listAssessments({ after: what.listCursor }, actor),
      store.listAssessments({ before: what.listCursor, last: 100 }, actor),
    ]),
  searchAssessments: (store, actor) => store.searchAssessments({ search: 'acme' }, actor),
  countAssessments: (store, actor, what) =>
    Promise.all([
      store.countAssessments({}, actor),
      store.countAssessments({ where: { assessmentId: { in: what.assessmentIds } } }, actor),
      store.countAssessments({ search: 'acme' }, actor),
    ]),
  auditTrail: (store, actor, what) =>
    Promise.all([
      each(what, (assessmentId) => store.auditTrail(assessmentId, {}, actor)),
      each(what, (assessmentId) => store.auditTrail(assessmentId, { after: what.auditCursor }, actor)),
    ]),
  getAssessmentStats: async (store, actor) => ({ ...(await store.getAssessmentStats({}, actor)), series: [] }),
  loaders: (store, actor, what) => {
    const loaders = store.loaders(actor);
    return Promise.all([
      each(what, (assessmentId) => loaders.assessment.load(assessmentId)),
      ...what.ids.map((id) => told(loaders.assessmentById.load(id))),
      ...what.ids.map((id) => told(loaders.request.load(id))),
      ...what.ids.map((id) => told(loaders.result.load(id))),
      told(loaders.auditEntry.load(what.auditSeq)),
      each(what, (assessmentId) => loaders.auditTrail({ assessmentId } as never, {})),
    ]);
  },
};

/** What a call comes to, its error with all that it shows. */
const told = async (call: unknown): Promise<unknown> => {
  const [outcome] = await Promise.allSettled([call]);
  if (outcome.status === 'fulfilled') return outcome.value;
  const error = outcome.reason as Error;
  return { ...error, name: error.name, message: error.message };
};

/** What somebody is told, without what they said themselves. */
function withoutOwnWords(answer: unknown, what: Known): string {
  let text = JSON.stringify(answer, (_, value) => {
    if (value instanceof Error) return { ...value, name: value.name, message: value.message };
    return typeof value === 'bigint' ? String(value) : value;
  });
  for (const words of [what.assessmentIds, what.ids])
    for (const [index, word] of words.entries()) text = text.replaceAll(word, `(${index})`);
  for (const word of [what.claimToken, what.cancelledClaimToken, what.auditSeq]) text = text.replaceAll(word, '(token)');
  return text;
}

test('every function of the store that serves a tenant is in the table', () => {
  const serving = Object.getOwnPropertyNames(AssessmentStore.prototype).filter(
    (name) =>
      ![
        ...['constructor', 'stop', 'endWaits', 'getHealthStatus'],
        ...['database', 'maintenance', 'watching', 'feeding', 'workersWaiting'],
        ...['gauges', 'queueTotals', 'redisPrefix', 'breakers'], // for those on call: sums over all tenants, which no client sees
      ].includes(name),
  );
  expect(Object.keys(calls).toSorted()).toEqual(serving.toSorted());
});

describe('with all that is known of another tenant’s assessments', () => {
  test.each(Object.entries(calls))('%s tells what it tells of those that there never were, and changes nothing', async (name, call) => {
    const before = await rowsOf(psql, acme);
    const stranger: Actor = { tenantId: `stranger to ${name}`, subject: 'mallory' };
    const answers = [];
    for (const what of [known, unknown]) answers.push(withoutOwnWords(await told(call(setup.store, stranger, what)), what));
    if (name !== 'feedCursor') expect(answers[0]).toBe(answers[1]);
    for (const answer of answers) expect(answer).not.toMatch(/acme|alice/);
    expect(await rowsOf(psql, acme)).toEqual(before);
    expect(await rowsOf(psql, stranger)).toEqual([[], [], []]);
  });

  test('what each of them is told is not nothing: its own tenant gets something else', async () => {
    for (const name of [
      'getState',
      'waitForCompletion',
      'watchAssessment',
      'listAssessments',
      'countAssessments',
      'auditTrail',
      'loaders',
      'feedAssessments',
    ]) {
      const answers = [];
      for (const what of [known, unknown]) answers.push(withoutOwnWords(await told(calls[name]?.(setup.store, acme, what)), what));
      expect(answers[0], name).not.toBe(answers[1]);
    }
  });

  test('its own assessments of the same keys are other ones', async () => {
    const before = await rowsOf(psql, acme);
    const { store } = setup;
    const own = await fillTenant(store, globex, 'acme');
    expect(own.assessmentIds).toEqual(known.assessmentIds);
    expect(own.ids.filter((id) => known.ids.includes(id))).toEqual([]);
    expect(await rowsOf(psql, acme)).toEqual(before);
    for (const [index, assessmentId] of own.assessmentIds.entries()) {
      const [mine, theirs] = [await store.getState(assessmentId, globex), await store.getState(assessmentId, acme)];
      expect(mine.tenantId, String(index)).toBe('globex');
      expect({ ...theirs, id: 0, createdAt: 0 }).not.toBe(mine);
      expect(theirs.tenantId).toBe('acme');
    }
  });

  test('a token of another tenant’s claim is as good as one that was made up', async () => {
    const { store } = setup;
    const [claimed = ''] = known.assessmentIds;
    const before = [await rowsOf(psql, acme), await rowsOf(psql, globex)];
    const refusals = [];
    for (const claimToken of [known.claimToken, randomUUID()])
      refusals.push(JSON.stringify(await told(store.completeAssessment({ assessmentId: claimed, result: {}, claimToken }, globex))));
    expect(refusals[0]).toMatch(/CLAIM_LOST/);
    expect(refusals[0]).toBe(refusals[1]);
    expect(await store.heartbeat({ workerId: 'w', claimTokens: [known.claimToken], leaseMs: 100 }, globex)).toMatchObject([
      { held: false },
    ]);
    expect(await store.releaseAssessments({ workerId: 'w', claimTokens: [known.claimToken] }, globex)).toMatchObject([{ released: false }]);
    expect([await rowsOf(psql, acme), await rowsOf(psql, globex)]).toEqual(before);
  });

  test('cursors of another tenant’s lists, trails and feeds are places, at which one finds one’s own', async () => {
    const { store } = setup;
    const list = await store.listAssessments({ before: known.listCursor, last: 100 }, globex);
    expect(list.items.length).toBeGreaterThan(0);
    const feed = await store.feedAssessments({ after: known.feedCursor }, globex);
    const fed = feed.take(1_000);
    await feed.return();
    expect(fed.length).toBeGreaterThan(0);
    expect([...new Set([...list.items.map(({ node }) => node.tenantId), ...fed.map(({ assessment }) => assessment.tenantId)])]).toEqual([
      'globex',
    ]);
  });
});

describe('counts, batches by filter and cleanup', () => {
  test('are about one tenant', async () => {
    const { store } = setup;
    const before = await rowsOf(psql, acme);
    const other = { tenantId: 'initech', subject: 'ivan' };
    await fillTenant(store, other, 'acme');
    const stats = await store.getAssessmentStats({}, other);
    expect(stats).toMatchObject({ total: 7, pending: 1, processing: 2, completed: 1, failed: 1, cancelled: 2 });
    const created = stats.series.reduce((sum, bucket) => sum + bucket.created, 0);
    expect(created).toBe(7);
    expect(await store.queueStatus(other)).toMatchObject({
      depth: 1,
      ready: 1,
      processing: 2,
      workers: [{ workerId: 'w', processing: 1 }],
    });
    expect(await store.batchRetryFailedAssessments({ maxRetries: 9 }, other)).toEqual(['acme failed']);
    const cancelled = await store.batchCancelAssessments({ where: { serverName: { eq: 'acme' } } }, other);
    expect(cancelled.toSorted()).toEqual(['acme claimed', 'acme failed', 'acme pending', 'acme processing']);
    expect(await store.cleanupOldAssessments({ retentionDays: 1, dryRun: true }, other)).toBe(0);
    await endLongAgo(other);
    expect(await store.cleanupOldAssessments({ retentionDays: 1, dryRun: true }, other)).toBe(7);
    expect(await store.cleanupOldAssessments({ retentionDays: 1 }, other)).toBe(7);
    expect(await store.countAssessments({}, other)).toBe(0);
    expect(await rowsOf(psql, acme)).toEqual(before);
    // Nor does the feed of another lose its place by that.
    const feed = await store.feedAssessments({ after: known.feedCursor }, acme);
    expect(feed.take(1)).toHaveLength(1);
    await feed.return();
  });
});
