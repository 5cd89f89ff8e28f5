import type { AssessmentView, AuditEntryView, ClaimedView, CreatedView, FeedUpdateView, UpdateView } from '../store/assessments.ts';
import {
  AlreadyExistsError,
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  VersionConflictError,
} from '../store/errors.ts';
import type { Assessment, AssessmentStats, CreateAssessment, ErrorCode, HeartbeatResult, JsonObject, QueueStatus } from '../store/index.ts';
import { ApiError } from './api-error.ts';

type Time = 'nextRetryAt' | 'createdAt' | 'updatedAt' | 'startedAt' | 'completedAt';

/** An assessment as JSON: times are texts, and what concerns the claim stands together. */
export type SentAssessment = Omit<AssessmentView, Time | 'claimedBy' | 'claimedAt' | 'claimExpiresAt'> &
  Record<'createdAt' | 'updatedAt', string> &
  Record<'nextRetryAt' | 'startedAt' | 'completedAt', string | null> & {
    claim: { workerId: string; claimedAt: string; expiresAt: string } | null;
  };

const timeOf = (text: string | null): Date | null => (text === null ? null : new Date(text));

/**
 * Gives it with its times as dates; what was asked for beside the usual fields stays as it is. States and kinds that this version does
 * not know stay as they are, too.
 * @throws TypeError for what is no assessment
 */
export function assessmentOf<Extra extends object>(sent: SentAssessment & Extra): AssessmentView & Extra {
  const { claim, ...fields } = sent;
  if (typeof sent.assessmentId !== 'string' || typeof sent.state !== 'string' || !Number.isInteger(sent.version))
    throw new TypeError('an assessment has no key, state or version');
  const times = {
    createdAt: new Date(sent.createdAt),
    updatedAt: new Date(sent.updatedAt),
    nextRetryAt: timeOf(sent.nextRetryAt),
    startedAt: timeOf(sent.startedAt),
    completedAt: timeOf(sent.completedAt),
    claimedBy: claim?.workerId ?? null,
    claimedAt: timeOf(claim?.claimedAt ?? null),
    claimExpiresAt: timeOf(claim?.expiresAt ?? null),
  };
  return { ...fields, ...times } as AssessmentView & Extra;
}

export type SentClaim = { claimToken: string; expiresAt: string; assessment: SentAssessment & { requestData: JsonObject } };

export const claimOf = ({ assessment, claimToken, expiresAt }: SentClaim): ClaimedView => ({
  assessment: assessmentOf(assessment),
  claimToken,
  expiresAt: new Date(expiresAt),
});

export type SentUpdate = Omit<UpdateView, 'assessment'> & { assessment: SentAssessment };

export const updateOf = ({ kind, previousState, assessment }: SentUpdate): UpdateView => ({
  kind,
  previousState,
  assessment: assessmentOf(assessment),
});

export const feedUpdateOf = (sent: SentUpdate & { cursor: string }): FeedUpdateView => ({ ...updateOf(sent), cursor: sent.cursor });

export type SentHeartbeat = Omit<HeartbeatResult, 'expiresAt'> & { expiresAt: string | null };

export const heartbeatOf = (sent: SentHeartbeat): HeartbeatResult => ({ ...sent, expiresAt: timeOf(sent.expiresAt) });

/** A page of a list. */
export interface SentPage<Node> {
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean };
}

export const pageOf = <Sent, Node>({ edges, pageInfo }: SentPage<Sent>, nodeOf: (sent: Sent) => Node) => ({
  items: edges.map(({ cursor, node }) => ({ node: nodeOf(node), cursor })),
  hasNextPage: pageInfo.hasNextPage,
  hasPreviousPage: pageInfo.hasPreviousPage,
});

export type SentAuditEntry = Omit<AuditEntryView, 'changeReason' | 'createdAt'> & { reason: string | null; createdAt: string };

export const auditEntryOf = ({ reason, createdAt, ...entry }: SentAuditEntry): AuditEntryView => ({
  ...entry,
  changeReason: reason,
  createdAt: new Date(createdAt),
});

/** An assessment with its result and its last change. */
export type SentLastChange = SentAssessment & { resultData: JsonObject | null; auditTrail: { nodes: SentAuditEntry[] } };

/** How an assessment is, and what made it so; undefined when there is none. */
export function lastChangeOf(
  sent: SentLastChange | null,
): { assessment: AssessmentView; change: AuditEntryView; result: unknown } | undefined {
  if (sent === null) return undefined;
  const { resultData: result, auditTrail, ...assessment } = sent;
  const [change] = auditTrail.nodes;
  return change && { assessment: assessmentOf<object>(assessment), change: auditEntryOf(change), result };
}

export type SentCreation = { created: boolean; assessment: SentAssessment } | SentRefusal;
export type SentChange = { assessment: SentAssessment } | SentRefusal;

/** What a creation gave. `created` is also true where only a repeat was answered: nobody else can have made the id that was made here. */
export const createdOf = (sent: SentCreation, input: CreateAssessment | undefined): CreatedView | Error =>
  isRefused(sent)
    ? refusalOf(sent)
    : { assessment: assessmentOf<object>(sent.assessment), created: sent.created || input?.assessmentId == null };

/** What a command gave. */
export const changeOf = (sent: SentChange): AssessmentView | Error =>
  isRefused(sent) ? refusalOf(sent) : assessmentOf<object>(sent.assessment);

type WithTextTime<Row, Field extends keyof Row> = Omit<Row, Field> & Record<Field, string>;

export type SentStats = Omit<AssessmentStats, 'series'> & { series: WithTextTime<AssessmentStats['series'][number], 'at'>[] };

export const statsOf = ({ series, ...stats }: SentStats): AssessmentStats => ({
  ...stats,
  series: series.map((bucket) => ({ ...bucket, at: new Date(bucket.at) })),
});

export type SentQueueStatus = Omit<QueueStatus, 'workers'> & { workers: WithTextTime<QueueStatus['workers'][number], 'lastSeenAt'>[] };

export const queueStatusOf = ({ workers, ...status }: SentQueueStatus): QueueStatus => ({
  ...status,
  workers: workers.map((worker) => ({ ...worker, lastSeenAt: new Date(worker.lastSeenAt) })),
});

/** A refusal among the members of a result. */
export type SentRefusal = { message: string } & (
  | { code: 'INVALID_INPUT'; fields: { path: string[]; message: string }[] }
  | { code: 'NOT_FOUND'; assessmentId: string }
  | { code: 'ALREADY_EXISTS' | 'CLAIM_LOST'; assessment: SentAssessment }
  | { code: 'INVALID_TRANSITION'; to: Assessment['state']; allowed: Assessment['state'][]; assessment: SentAssessment }
  | { code: 'VERSION_CONFLICT'; expectedVersion: number; assessment: SentAssessment }
);

export const isRefused = (sent: object): sent is SentRefusal => 'code' in sent && 'message' in sent;

/** A refusal as the store's own error, with the service's message. One that this version does not know is an ApiError. */
export const refusalOf = (sent: SentRefusal): Error => Object.assign(errorFor(sent), { message: sent.message });

function errorFor(sent: SentRefusal): Error {
  switch (sent.code) {
    case 'INVALID_INPUT':
      return new InvalidInputError(sent.fields);
    case 'NOT_FOUND':
      return new NotFoundError(sent.assessmentId);
    case 'ALREADY_EXISTS':
      return new AlreadyExistsError(shown(sent.assessment));
    case 'CLAIM_LOST':
      return new ClaimLostError(shown(sent.assessment));
    case 'INVALID_TRANSITION':
      return new InvalidTransitionError(shown(sent.assessment), sent.to, sent.allowed);
    case 'VERSION_CONFLICT':
      return new VersionConflictError(shown(sent.assessment), sent.expectedVersion);
    default:
      return unknownRefusal(sent satisfies never);
  }
}

/** An assessment that was asked for by its key. @throws NotFoundError */
export function existing<Sent>(sent: Sent | null, assessmentId: string): Sent {
  if (sent === null) throw new NotFoundError(assessmentId);
  return sent;
}

/** What was asked for. @throws the error that stands in its place */
export function accepted<Result extends object>(result: Result | Error): Result {
  if (result instanceof Error) throw result;
  return result;
}

const unknownRefusal = ({ code, message }: { code: ErrorCode; message: string }): ApiError => new ApiError(code, message);

/** The API has neither the tenant nor the database's id of an assessment: the errors show what it has. */
const shown = (sent: SentAssessment): Assessment => assessmentOf<object>(sent) as Assessment;
