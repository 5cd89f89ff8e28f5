import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssessmentFilter, Assessments, ClaimedView } from '../../src/store/index.ts';
import { type Implementation, implementations } from './implementations.ts';
import { outcomeOf } from './told.ts';

const opened: Implementation[] = [];
beforeAll(async () => {
  for (const [, open] of implementations) opened.push(await open());
});
afterAll(() => Promise.all(opened.map(({ stop }) => stop())));

const noToken = '01890a5d-ac96-774b-bcce-b302099a8057';
const claims = new WeakMap<Assessments, ClaimedView[]>();
/** What the story claims first, in the order of the keys: of what was created together nobody knows the order. */
const claimsOf = (service: Assessments): ClaimedView[] => claims.get(service) ?? [];
const tokensOf = (service: Assessments): string[] => claimsOf(service).map(({ claimToken }) => claimToken);

const byKey = (one: ClaimedView, other: ClaimedView): number => (one.assessment.assessmentId < other.assessment.assessmentId ? -1 : 1);

/** A page in an order that does not depend on what was created within the same millisecond. */
const sorted = ({ items, ...page }: Awaited<ReturnType<Assessments['listAssessments']>>) => ({
  ...page,
  items: items.toSorted((one, other) => placeOf(one) - placeOf(other) || (one.node.assessmentId < other.node.assessmentId ? -1 : 1)),
});
const placeOf = ({ node }: { node: { type: string; priority: number } }): number => ['COMPLIANCE', 'HEALTH', 'SECURITY'].indexOf(node.type);

/** One story that every method has its part in. */
const story: [string, (service: Assessments) => Promise<unknown>][] = [
  [
    'create with everything',
    (service) =>
      service.createAssessment({
        ...{ assessmentId: 'a', type: 'SECURITY', source: 'INSTALLER', serverName: 'web-1', priority: 3, timeoutMs: 60_000, maxRetries: 2 },
        ...{ timestamp: new Date(0), metadata: { list: [1, null, { deep: 'ü😀' }], big: 1e21 } },
        options: { deepScan: true, serverFilter: ['x'], timeout: 5 },
      }),
  ],
  [
    'create the same again',
    (service) =>
      service.createAssessment({
        ...{ assessmentId: 'a', type: 'SECURITY', source: 'INSTALLER', serverName: 'web-1', priority: 3, timeoutMs: 60_000, maxRetries: 2 },
        ...{ timestamp: new Date(0), metadata: { list: [1, null, { deep: 'ü😀' }], big: 1e21 } },
        options: { deepScan: true, serverFilter: ['x'], timeout: 5 },
      }),
  ],
  ['create another under its key', (service) => service.createAssessment({ assessmentId: 'a', type: 'HEALTH' })],
  ['create with nothing', (service) => service.createAssessment({ type: 'HEALTH' })],
  [
    'create with nulls',
    (service) =>
      service.createAssessment({
        ...{ assessmentId: null, type: 'COMPLIANCE', source: null, serverName: null, options: null, priority: null },
        ...{ timeoutMs: null, maxRetries: null, timestamp: null, metadata: null },
      }),
  ],
  ['start', (service) => service.startProcessing({ assessmentId: 'a' })],
  ['start again', (service) => service.startProcessing({ assessmentId: 'a' })],
  ['start at a wrong version', (service) => service.startProcessing({ assessmentId: 'a', expectedVersion: 7 })],
  ['start what there is not', (service) => service.startProcessing({ assessmentId: 'none' })],
  ['progress', (service) => service.updateProgress({ assessmentId: 'a', progress: 30, message: 'going' })],
  ['the same progress', (service) => service.updateProgress({ assessmentId: 'a', progress: 30, message: null })],
  ['progress that falls', (service) => service.updateProgress({ assessmentId: 'a', progress: 20 })],
  ['progress with a token', (service) => service.updateProgress({ assessmentId: 'a', progress: 40, claimToken: noToken })],
  ['fail, to be tried again', (service) => service.failAssessment({ assessmentId: 'a', error: 'no route', expectedVersion: 3 })],
  ['complete what is pending', (service) => service.completeAssessment({ assessmentId: 'a', result: {} })],
  ['retry what is pending', (service) => service.retryAssessment({ assessmentId: 'a' })],
  ['cancel', (service) => service.cancelAssessment({ assessmentId: 'a', reason: 'enough' })],
  ['cancel again', (service) => service.cancelAssessment({ assessmentId: 'a' })],
  ['look at it', (service) => service.getState('a')],
  ['look for what there is not', (service) => service.getState('none')],
  ['its trail', (service) => service.auditTrail('a')],
  ['a page of its trail', (service) => service.auditTrail('a', { last: 2 })],
  ['the trail of what there is not', (service) => service.auditTrail('none')],
  ['wait for it', (service) => service.waitForCompletion({ assessmentId: 'a' })],
  ['wait for what there is not', (service) => service.waitForCompletion({ assessmentId: 'none' })],
  ['look for what there is not, without waiting', (service) => service.waitForCompletion({ assessmentId: 'none', timeoutMs: 0 })],
  [
    'create many',
    (service) =>
      service.batchCreateAssessments({
        assessments: [
          { assessmentId: 'b1', type: 'HEALTH', serverName: 'db-1', metadata: { kind: 'weekly' } },
          { assessmentId: 'b2', type: 'HEALTH', serverName: 'db-2', maxRetries: 1 },
          { assessmentId: 'b1', type: 'HEALTH', serverName: 'db-1', metadata: { kind: 'weekly' } },
          { assessmentId: 'a', type: 'HEALTH' },
          { assessmentId: 'b3', type: 'HEALTH', priority: 11 },
          { assessmentId: 'b4', type: 'HEALTH', priority: 1.5 },
          { assessmentId: 'b5', type: 'OTHER' as never },
          { assessmentId: 'b6', type: 'HEALTH', metadata: { never: Number.NaN } },
          { assessmentId: 'b7', type: 'HEALTH', timestamp: new Date(Number.NaN) },
          { assessmentId: 'b8' } as never,
          null as never,
          { type: 'SECURITY', priority: 9 },
          { assessmentId: '', type: 'HEALTH' },
        ],
      }),
  ],
  [
    'create many or none: one key is taken',
    (service) =>
      service.batchCreateAssessments({
        atomic: true,
        assessments: [
          { assessmentId: 'c1', type: 'HEALTH' },
          { assessmentId: 'a', type: 'HEALTH' },
        ],
      }),
  ],
  [
    'create many or none: one is wrong',
    (service) =>
      service.batchCreateAssessments({
        atomic: true,
        assessments: [
          { assessmentId: 'c1', type: 'HEALTH' },
          { assessmentId: 'c2', type: 'HEALTH', priority: 1.5 },
        ],
      }),
  ],
  [
    'create many or none: all',
    (service) =>
      service.batchCreateAssessments({
        atomic: true,
        assessments: [
          { assessmentId: 'c1', type: 'COMPLIANCE' },
          { assessmentId: 'c2', type: 'COMPLIANCE' },
        ],
      }),
  ],
  ['create none', (service) => service.batchCreateAssessments({ assessments: [] })],
  [
    'claim',
    async (service) => {
      const claimed = await service.claimAssessments({ workerId: 'w1', types: ['COMPLIANCE'], limit: 10, leaseMs: 60_000 });
      claims.set(service, claimed.toSorted(byKey));
      return claimsOf(service);
    },
  ],
  ['claim where there is nothing', (service) => service.claimAssessments({ workerId: 'w1', types: ['COMPLIANCE'], waitMs: 10 })],
  ['a heartbeat', (service) => service.heartbeat({ workerId: 'w1', claimTokens: [...tokensOf(service), noToken], leaseMs: 50_000 })],
  ['the queue', (service) => service.queueStatus()],
  ['report without the token', (service) => service.updateProgress({ assessmentId: 'c1', progress: 5 })],
  [
    'report many',
    (service) =>
      service.batchUpdateProgress({
        updates: [
          ...tokensOf(service).map((claimToken) => ({ assessmentId: 'c1', progress: 5, claimToken })),
          { assessmentId: 'c2', progress: 33.3 },
          { assessmentId: 'c2', progress: Number.NaN },
          { assessmentId: 'c2', progress: 10, expectedVersion: 2 ** 31 },
          { assessmentId: 'c2', progress: 10, expectedVersion: 9 },
          { assessmentId: 'none', progress: 10 },
          { assessmentId: 'a', progress: 10 },
          { assessmentId: 'c2', progress: 10, claimToken: 'none' },
        ],
      }),
  ],
  ['release', (service) => service.releaseAssessments({ workerId: 'w1', claimTokens: [...tokensOf(service), noToken], reason: 'break' })],
  ['release again', (service) => service.releaseAssessments({ workerId: 'w1', claimTokens: tokensOf(service) })],
  ['claim all', (service) => service.claimAssessments({ workerId: 'w2', types: ['HEALTH'], limit: 1 })],
  ['start one', (service) => service.startProcessing({ assessmentId: 'b2', expectedVersion: 1 })],
  [
    'complete many',
    (service) =>
      service.batchCompleteAssessments({
        completions: [
          { assessmentId: 'b2', result: { score: 1, nested: { list: [] } } },
          { assessmentId: 'b2', result: {} },
          { assessmentId: 'b1', result: { never: 1n } as never },
          { assessmentId: 'b1', result: [] as never },
          { assessmentId: 'b1', result: { when: new Date(0) } },
        ],
      }),
  ],
  [
    'complete many or none',
    (service) =>
      service.batchCompleteAssessments({
        atomic: true,
        completions: [
          { assessmentId: 'c1', result: {} },
          { assessmentId: 'none', result: {} },
        ],
      }),
  ],
  ['its result', (service) => service.getState('b2')],
  ['start another', (service) => service.startProcessing({ assessmentId: 'c1' })],
  ['fail for good', (service) => service.failAssessment({ assessmentId: 'c1', error: 'broken', retryable: false })],
  ['fail again', (service) => service.failAssessment({ assessmentId: 'c1', error: 'broken' })],
  ['retry', (service) => service.retryAssessment({ assessmentId: 'c1', reason: 'once more' })],
  ['start it again', (service) => service.startProcessing({ assessmentId: 'c1' })],
  ['fail it again', (service) => service.failAssessment({ assessmentId: 'c1', error: 'broken', retryable: null })],
  [
    'retry those that failed',
    (service) => service.batchRetryFailedAssessments({ maxRetries: 5, where: { type: { eq: 'COMPLIANCE' } }, reason: 'all' }),
  ],
  [
    'cancel those that match',
    async (service) => {
      const where = { assessmentId: { startsWith: 'c' }, priority: { gte: 1 } };
      return (await service.batchCancelAssessments({ where, limit: 10 })).toSorted();
    },
  ],
  ['cancel without a condition', (service) => service.batchCancelAssessments({ where: {} })],
  ['list', (service) => service.listAssessments({ orderBy: { field: 'PRIORITY', direction: 'ASC' }, first: 3 })],
  ['list all', async (service) => sorted(await service.listAssessments())],
  [
    'list by everything',
    async (service) => {
      const where: AssessmentFilter = {
        ...{ state: { notIn: ['FAILED'] }, type: { in: ['HEALTH', 'SECURITY'] }, source: { eq: 'API' }, serverName: { contains: 'db' } },
        ...{ createdAt: { gte: new Date(0), lt: new Date('9999-01-01') }, progress: { lte: 100 }, retryCount: { in: [0, 1] } },
        or: [{ priority: { eq: 5 } }, { completedAt: { gte: new Date(0) } }],
        not: { updatedAt: { lt: new Date(0) } },
      };
      return sorted(await service.listAssessments({ where, last: 5 }));
    },
  ],
  ['search', (service) => service.searchAssessments({ search: 'weekly' })],
  ['search for nothing', (service) => service.searchAssessments({ search: ' ' })],
  ['count', (service) => service.countAssessments({ where: { type: { eq: 'HEALTH' } } })],
  ['count all', (service) => service.countAssessments()],
  [
    'statistics',
    async (service) => {
      const { series, ...stats } = await service.getAssessmentStats({ windowMinutes: 60 });
      return { ...stats, minutes: series.length, bucket: Object.keys(series[0] ?? {}).toSorted(), at: series[0]?.at };
    },
  ],
  [
    'statistics of a server',
    (service) => service.getAssessmentStats({ serverName: 'db-1', type: 'HEALTH', windowMinutes: null }).then(({ total }) => total),
  ],
  ['clean up what is old', (service) => service.cleanupOldAssessments({ retentionDays: 1, dryRun: true })],
  ['health', (service) => service.getHealthStatus().then(({ version: _, ...status }) => status)],
];

test('every method answers the same, in shape and in content, whoever is asked', async () => {
  const [ofStore, ofClient] = await Promise.all(
    opened.map(async ({ service }) => {
      const outcomes: [string, unknown][] = [];
      for (const [name, call] of story) outcomes.push([name, await outcomeOf(() => call(service))]);
      return outcomes;
    }),
  );
  expect(ofStore).toHaveLength(story.length);
  for (const [index, outcome] of (ofClient ?? []).entries()) expect.soft(outcome).toEqual(ofStore?.[index]);
});
