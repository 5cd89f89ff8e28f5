import * as resolvers from '../resolvers/queue.ts';
import type {
  ClaimedAssessment as Claimed,
  ReleaseResult as Released,
  HeartbeatResult as Renewed,
  QueueStatus as Status,
} from '../store/index.ts';
import { readers, workers } from './access.ts';
import { AssessmentNode } from './assessment.ts';
import { builder } from './builder.ts';
import { AssessmentType } from './enums.ts';

const leaseMs = 'How long the lease is to last from now, in milliseconds: 100 to 86,400,000.';
const workerId = 'The worker, as it names itself: 1 to 255 characters, the same in all its calls.';
const claimTokens = 'The tokens, as claimAssessments gave them; at most 10,000.';

const ClaimAssessmentsInput = builder.inputType('ClaimAssessmentsInput', {
  description: 'What a worker can take.',
  fields: (t) => ({
    workerId: t.string({ required: true, description: workerId }),
    limit: t.int({ defaultValue: 1, description: 'How many at most: 1 to 500.' }),
    types: t.field({ type: [AssessmentType], description: 'Which types it takes. Default: all.' }),
    leaseMs: t.int({ defaultValue: 30_000, description: leaseMs }),
    waitMs: t.int({
      defaultValue: 0,
      description: 'How long to wait for work when there is none, in milliseconds: 0 to 60,000. It is answered the moment work arrives.',
    }),
  }),
});

const HeartbeatInput = builder.inputType('HeartbeatInput', {
  description: 'The claims that a worker still works on.',
  fields: (t) => ({
    workerId: t.string({ required: true, description: workerId }),
    claimTokens: t.stringList({ required: true, description: claimTokens }),
    leaseMs: t.int({ defaultValue: 30_000, description: leaseMs }),
  }),
});

const ReleaseAssessmentsInput = builder.inputType('ReleaseAssessmentsInput', {
  description: 'The claims that a worker gives back.',
  fields: (t) => ({
    workerId: t.string({ required: true, description: workerId }),
    claimTokens: t.stringList({ required: true, description: claimTokens }),
    reason: t.string({ description: 'Why, for the audit trail; at most 2,000 characters.' }),
  }),
});

const ClaimedAssessment = builder.objectRef<Claimed>('ClaimedAssessment').implement({
  authScopes: workers,
  description: 'An assessment that the worker holds now.',
  fields: (t) => ({
    assessment: t.field({ type: AssessmentNode, description: 'The assessment, PROCESSING.', resolve: ({ assessment }) => assessment }),
    claimToken: t.exposeString('claimToken', { description: 'The secret that every report on it must carry.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the lease ends unless it is renewed.' }),
  }),
});

const ClaimAssessmentsPayload = builder.objectRef<{ claims: Claimed[] }>('ClaimAssessmentsPayload').implement({
  authScopes: workers,
  description: 'What the worker holds now.',
  fields: (t) => ({
    claims: t.expose('claims', { type: [ClaimedAssessment], description: 'By rank; empty when there was nothing in time.' }),
  }),
});

const HeartbeatResult = builder.objectRef<Renewed>('HeartbeatResult').implement({
  authScopes: workers,
  description: 'What became of one claim.',
  fields: (t) => ({
    claimToken: t.exposeString('claimToken', { description: 'The token.' }),
    held: t.exposeBoolean('held', {
      description: 'Whether the worker still holds it. If not: stop the work, its report would be refused.',
    }),
    cancelled: t.exposeBoolean('cancelled', { description: 'Whether it is lost because the assessment was cancelled.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the lease ends unless it is renewed; null when it is not held.',
    }),
  }),
});

const HeartbeatPayload = builder.objectRef<{ results: Renewed[] }>('HeartbeatPayload').implement({
  authScopes: workers,
  description: 'What became of the claims.',
  fields: (t) => ({ results: t.expose('results', { type: [HeartbeatResult], description: 'In the order of the tokens.' }) }),
});

const ReleaseResult = builder.objectRef<Released>('ReleaseResult').implement({
  authScopes: workers,
  description: 'Whether one claim was given back.',
  fields: (t) => ({
    claimToken: t.exposeString('claimToken', { description: 'The token.' }),
    released: t.exposeBoolean('released', { description: 'Whether it was given back now; false: it was not held any more.' }),
  }),
});

const ReleaseAssessmentsPayload = builder.objectRef<{ results: Released[] }>('ReleaseAssessmentsPayload').implement({
  authScopes: workers,
  description: 'What was given back.',
  fields: (t) => ({ results: t.expose('results', { type: [ReleaseResult], description: 'In the order of the tokens.' }) }),
});

const QueuePriority = builder.objectRef<Status['byPriority'][number]>('QueuePriority').implement({
  authScopes: readers,
  description: 'What is ready of one priority.',
  fields: (t) => ({
    priority: t.exposeInt('priority', { description: '1 (the most urgent) to 10.' }),
    ready: t.exposeInt('ready', { description: 'How many a worker could claim now.' }),
    oldestAgeMs: t.exposeInt('oldestAgeMs', { description: 'How long ago the oldest of them was created, in milliseconds.' }),
  }),
});

const QueueWorker = builder.objectRef<Status['workers'][number]>('QueueWorker').implement({
  authScopes: readers,
  description: 'A worker that holds claims.',
  fields: (t) => ({
    workerId: t.exposeString('workerId', { description: 'The worker, as it names itself.' }),
    processing: t.exposeInt('processing', { description: 'How many it holds.' }),
    lastSeenAt: t.expose('lastSeenAt', { type: 'DateTime', description: 'When it claimed or sent a heartbeat last.' }),
  }),
});

const QueueStatus = builder.objectRef<Status>('QueueStatus').implement({
  authScopes: readers,
  description: 'How the queue stands now.',
  fields: (t) => ({
    depth: t.exposeInt('depth', { description: 'All that is PENDING.' }),
    ready: t.exposeInt('ready', { description: 'What a worker could claim now.' }),
    scheduled: t.exposeInt('scheduled', { description: 'What waits for the time of its retry.' }),
    processing: t.exposeInt('processing', { description: 'What is PROCESSING.' }),
    byPriority: t.expose('byPriority', {
      type: [QueuePriority],
      description: 'The priorities that have something ready, the most urgent first.',
    }),
    workers: t.expose('workers', { type: [QueueWorker], description: 'The workers that hold claims, by name.' }),
  }),
});

builder.queryField('queueStatus', (t) =>
  t.field({
    authScopes: readers,
    type: QueueStatus,
    description: 'How the work queue stands now: what is ready, what waits, who works.',
    resolve: resolvers.queueStatus,
  }),
);

builder.mutationFields((t) => ({
  claimAssessments: t.field({
    authScopes: workers,
    type: ClaimAssessmentsPayload,
    description:
      'Claims what is ready: PENDING to PROCESSING, held by a lease. The most urgent first, the oldest first within a priority; whoever waits long enough overtakes. No two workers get the same.',
    args: { input: t.arg({ type: ClaimAssessmentsInput, required: true, description: 'What the worker can take.' }) },
    resolve: resolvers.claimAssessments,
  }),
  heartbeat: t.field({
    authScopes: workers,
    type: HeartbeatPayload,
    description: 'Renews leases, many at once, and says for each whether it is still held.',
    args: { input: t.arg({ type: HeartbeatInput, required: true, description: 'The claims that are still worked on.' }) },
    resolve: resolvers.heartbeat,
  }),
  releaseAssessments: t.field({
    authScopes: workers,
    type: ReleaseAssessmentsPayload,
    description: 'Gives claims back: PROCESSING to PENDING at once, no retry is counted.',
    args: { input: t.arg({ type: ReleaseAssessmentsInput, required: true, description: 'The claims to give back.' }) },
    resolve: resolvers.releaseAssessments,
  }),
}));
