import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Actor, AssessmentStore } from '../../src/store/index.ts';
import { expectHarmless, hostileStrings, snapshotOf, unstorableStrings } from '../support/hostile-strings.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';
import { fillTenant } from '../support/two-tenants.ts';

const actor: Actor = { tenantId: 'default', subject: 'tester' };

let setup: TestStore;
let before: unknown;
beforeAll(async () => {
  setup = await startTestStore({ maintenanceMs: 3_600_000 });
  await fillTenant(setup.store, { tenantId: 'bystander', subject: 'x' });
  await setup.store.createAssessment({ assessmentId: 'known', type: 'HEALTH' }, actor);
  before = await snapshotOf(setup.database);
});
afterAll(async () => {
  const after = await snapshotOf(setup.database);
  await setup.stop();
  expect(after).toEqual(before);
});

type Call = (store: AssessmentStore, text: string, actor: Actor) => unknown[];
const texts = (text: string) => ({ eq: text, in: [text, text], startsWith: text, contains: text });
const filters = (text: string) =>
  [
    ...Object.entries(texts(text)).flatMap(([operator, operand]) => [
      { assessmentId: { [operator]: operand } },
      { serverName: { [operator]: operand } },
    ]),
    { or: [{ serverName: { eq: text } }, { not: { assessmentId: { contains: text } } }] },
    // What only TypeScript keeps out.
    ...[
      { state: { eq: text } },
      { type: { in: [text] } },
      { source: { eq: text } },
      { priority: { eq: text } },
      { createdAt: { gte: text } },
    ],
    ...[{ [text]: { eq: text } }, { serverName: { [text]: text } }],
  ] as never[];
const bodies = (text: string) => [{ a: text }, { [text]: 1 }, { a: [{ [text]: [text, { b: text }] }] }];
const target = { assessmentId: 'known' };

/** For every function that takes an actor: calls with the text in every place of its input that can hold one. */
const calls: Record<string, Call> = {
  createAssessment: (store, text, by) => [
    store.createAssessment({ assessmentId: text, type: 'HEALTH' }, by),
    store.createAssessment({ type: 'HEALTH', serverName: text }, by),
    store.createAssessment({ type: 'HEALTH', options: { serverFilter: ['a', text] } }, by),
    ...bodies(text).map((metadata) => store.createAssessment({ type: 'HEALTH', metadata }, by)),
    ...['type', 'source', 'priority', 'timestamp', text].map((field) =>
      store.createAssessment({ type: 'HEALTH', [field]: text } as never, by),
    ),
  ],
  startProcessing: (store, text, by) => [
    store.startProcessing({ assessmentId: text }, by),
    store.startProcessing({ ...target, expectedVersion: text as never }, by),
  ],
  updateProgress: (store, text, by) => [
    store.updateProgress({ assessmentId: text, progress: 1, message: text }, by),
    store.updateProgress({ ...target, progress: 1, message: text }, by),
    store.updateProgress({ ...target, progress: text as never }, by),
    store.updateProgress({ ...target, progress: 1, claimToken: text }, by),
  ],
  completeAssessment: (store, text, by) => [
    ...bodies(text).map((result) => store.completeAssessment({ assessmentId: text, result }, by)),
    store.completeAssessment({ ...target, result: {}, claimToken: text }, by),
  ],
  failAssessment: (store, text, by) => [
    store.failAssessment({ assessmentId: text, error: text }, by),
    store.failAssessment({ ...target, error: text, claimToken: text }, by),
  ],
  cancelAssessment: (store, text, by) => [store.cancelAssessment({ assessmentId: text, reason: text }, by)],
  retryAssessment: (store, text, by) => [
    store.retryAssessment({ assessmentId: text, reason: text }, by),
    store.retryAssessment({ ...target, reason: text }, by),
  ],
  claimAssessments: (store, text, by) => [
    store.claimAssessments({ workerId: text }, by),
    store.claimAssessments({ workerId: 'w', types: [text as never] }, by),
  ],
  heartbeat: (store, text, by) => [
    store.heartbeat({ workerId: text, claimTokens: [randomUUID()] }, by),
    store.heartbeat({ workerId: 'w', claimTokens: [randomUUID(), text] }, by),
  ],
  releaseAssessments: (store, text, by) => [
    store.releaseAssessments({ workerId: text, claimTokens: [randomUUID()], reason: text }, by),
    store.releaseAssessments({ workerId: 'w', claimTokens: [randomUUID(), text] }, by),
  ],
  queueStatus: (store, _, by) => [store.queueStatus(by)],
  batchCreateAssessments: (store, text, by) =>
    [false, true].map((atomic) =>
      store.batchCreateAssessments(
        {
          assessments: [
            { assessmentId: text, type: 'HEALTH' },
            { type: 'HEALTH', serverName: text, metadata: { [text]: text } },
          ],
          atomic,
        },
        by,
      ),
    ),
  batchUpdateProgress: (store, text, by) =>
    [false, true].map((atomic) =>
      store.batchUpdateProgress(
        {
          updates: [
            { assessmentId: text, progress: 1, message: text },
            { ...target, progress: 1, message: text },
          ],
          atomic,
        },
        by,
      ),
    ),
  batchCompleteAssessments: (store, text, by) =>
    [false, true].map((atomic) =>
      store.batchCompleteAssessments({ completions: [{ assessmentId: text, result: { [text]: text } }], atomic }, by),
    ),
  batchRetryFailedAssessments: (store, text, by) =>
    filters(text).map((where) => store.batchRetryFailedAssessments({ maxRetries: 1, where, reason: text }, by)),
  batchCancelAssessments: (store, text, by) =>
    filters(text).map((where) =>
      store.batchCancelAssessments({ where: { assessmentId: { eq: 'none' }, or: [where] } as never, reason: text }, by),
    ),
  cleanupOldAssessments: (store, text, by) => [store.cleanupOldAssessments({ retentionDays: text as never }, by)],
  getState: (store, text, by) => [store.getState(text, by)],
  waitForCompletion: (store, text, by) => [store.waitForCompletion({ assessmentId: text, timeoutMs: 0 }, by)],
  watchAssessment: (store, text, by) => [store.watchAssessment({ assessmentId: text }, by).then((watch) => watch.return?.())],
  feedAssessments: (store, text, by) => [
    store.feedAssessments({ after: text }, by),
    ...filters(text).map((where) => store.feedAssessments({ where, after: '0' }, by).then((feed) => feed.return())),
  ],
  feedCursor: (store, _, by) => [store.feedCursor(by)],
  listAssessments: (store, text, by) => [
    ...filters(text).map((where) => store.listAssessments({ where }, by)),
    ...['after', 'before', 'search', 'first'].map((argument) => store.listAssessments({ [argument]: text } as never, by)),
    ...[
      { field: text, direction: 'ASC' },
      { field: 'CREATED_AT', direction: text },
    ].map((orderBy) => store.listAssessments({ orderBy } as never, by)),
  ],
  searchAssessments: (store, text, by) => [store.searchAssessments({ search: text }, by)],
  countAssessments: (store, text, by) => [
    store.countAssessments({ search: text }, by),
    ...filters(text).map((where) => store.countAssessments({ where }, by)),
  ],
  auditTrail: (store, text, by) => [
    store.auditTrail(text, {}, by),
    ...['after', 'before', 'first'].map((argument) => store.auditTrail('known', { [argument]: text } as never, by)),
  ],
  getAssessmentStats: (store, text, by) => [
    store.getAssessmentStats({ serverName: text }, by),
    store.getAssessmentStats({ type: text as never }, by),
    store.getAssessmentStats({ windowMinutes: text as never }, by),
  ],
  // Not for what clients write: ids come from rows and from global ids that were checked. Keys do.
  loaders: (store, text, by) => [
    store.loaders(by).assessment.load(text),
    store.loaders(by).auditTrail({ assessmentId: text } as never, {}),
  ],
};

test('every function of the store that takes an input is in the table', () => {
  const names = [
    ...['constructor', 'stop', 'endWaits', 'getHealthStatus', 'database', 'maintenance', 'watching', 'feeding', 'workersWaiting'],
    ...['gauges', 'queueTotals', 'redisPrefix', 'breakers'],
  ];
  const taking = Object.getOwnPropertyNames(AssessmentStore.prototype).filter((name) => !names.includes(name));
  expect(Object.keys(calls).toSorted()).toEqual(taking.toSorted());
});

describe.each(Object.entries(hostileStrings))('%s', (name, text) => {
  test('is a text like any other, wherever it is put', async () => {
    for (const [functionName, call] of Object.entries(calls))
      await expectHarmless(call(setup.store, text, actor), `${functionName}: ${name}`);
  });

  test('is a tenant, a subject and a worker like any other', async () => {
    const other: Actor = { tenantId: text, subject: text };
    const { store } = setup;
    await store.createAssessment({ assessmentId: text, type: 'SECURITY', serverName: text }, other);
    const [claim] = await store.claimAssessments({ workerId: text }, other);
    expect(claim?.assessment).toMatchObject({ tenantId: text, assessmentId: text, claimedBy: text });
    await store.releaseAssessments({ workerId: text, claimTokens: [claim?.claimToken ?? ''], reason: text }, other);
    expect(await store.queueStatus(other)).toMatchObject({ depth: 1 });
    expect(await store.getAssessmentStats({ serverName: text }, other)).toMatchObject({ total: 1, pending: 1 });
    const trail = await store.auditTrail(text, {}, other);
    expect(trail.items.map(({ node }) => [node.tenantId, node.changedBy, node.claimedBy, node.changeReason])).toEqual([
      [text, text, null, null],
      [text, text, text, null],
      [text, text, null, text],
    ]);
    expect((await store.listAssessments({}, other)).items.map(({ node }) => node.assessmentId)).toEqual([text]);
  });

  test('comes back as it was sent, and is found by itself alone', async () => {
    const { store } = setup;
    const by: Actor = { tenantId: `found ${name}`, subject: text };
    await store.createAssessment({ assessmentId: 'another', type: 'HEALTH', serverName: 'another' }, by);
    const metadata = { a: text, list: [text], [text]: { deep: text } };
    await store.createAssessment({ assessmentId: text, type: 'HEALTH', serverName: text, metadata, options: { serverFilter: [text] } }, by);
    await store.startProcessing({ assessmentId: text }, by);
    await store.updateProgress({ assessmentId: text, progress: 1, message: text }, by);
    await store.failAssessment({ assessmentId: text, error: text, retryable: false }, by);
    await store.retryAssessment({ assessmentId: text, reason: text }, by);
    await store.startProcessing({ assessmentId: text }, by);
    await store.updateProgress({ assessmentId: text, progress: 1, message: text }, by);
    await store.completeAssessment({ assessmentId: text, result: metadata }, by);
    const state = await store.getState(text, by);
    expect(state).toMatchObject({ tenantId: by.tenantId, assessmentId: text, serverName: text, message: text });
    expect([state.requestData['metadata'], state.resultData]).toEqual([metadata, metadata]);
    expect(Object.keys(Object(state.requestData['metadata'])).toSorted()).toEqual(Object.keys(metadata).toSorted());
    const trail = await store.auditTrail(text, {}, by);
    expect(new Set(trail.items.map(({ node }) => node.errorMessage))).toEqual(new Set([null, text]));
    expect(new Set(trail.items.map(({ node }) => node.changeReason))).toEqual(new Set([null, text]));
    for (const [operator, operand] of Object.entries(texts(text)))
      for (const field of ['assessmentId', 'serverName'])
        expect(
          (await store.listAssessments({ where: { [field]: { [operator]: operand } } }, by)).items.map(({ node }) => node.assessmentId),
        ).toEqual([text]);
  });
});

test.each(Object.entries(unstorableStrings))('%s is refused wherever it is put, and nothing of it is kept', async (name, text) => {
  for (const [functionName, call] of Object.entries(calls)) {
    if (functionName === 'loaders') continue;
    await expectHarmless(call(setup.store, text, actor), `${functionName}: ${name}`);
  }
  await expect(setup.store.createAssessment({ assessmentId: text, type: 'HEALTH' }, actor)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
});
