import {
  AlreadyExistsError,
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  VersionConflictError,
} from '../store/errors.ts';
import type { Assessment, ErrorCode, HeartbeatResult, JsonObject, RefusalError } from '../store/index.ts';
import type { WorkAssessment, WorkClaim, WorkUpdate } from '../worker/work-client.ts';
import { ApiError } from './api-error.ts';

type Time = 'nextRetryAt' | 'createdAt' | 'updatedAt' | 'startedAt' | 'completedAt';

/** An assessment as JSON: times are texts, and what concerns the claim stands together. */
export type SentAssessment = Omit<WorkAssessment, Time | 'claimedBy' | 'claimedAt' | 'claimExpiresAt'> &
  Record<'createdAt' | 'updatedAt', string> &
  Record<'nextRetryAt' | 'startedAt' | 'completedAt', string | null> & {
    claim: { workerId: string; claimedAt: string; expiresAt: string } | null;
  };

const timeOf = (text: string | null): Date | null => (text === null ? null : new Date(text));

/** Gives it with its times as dates; what was asked for beside the usual fields stays as it is. */
export function assessmentOf<Extra extends object>(sent: SentAssessment & Extra): WorkAssessment & Extra {
  const { claim, ...fields } = sent;
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
  return { ...fields, ...times } as WorkAssessment & Extra;
}

export type SentClaim = { claimToken: string; expiresAt: string; assessment: SentAssessment & { requestData: JsonObject } };

export const claimOf = ({ assessment, claimToken, expiresAt }: SentClaim): WorkClaim => ({
  assessment: assessmentOf(assessment),
  claimToken,
  expiresAt: new Date(expiresAt),
});

export type SentUpdate = Omit<WorkUpdate, 'assessment'> & { assessment: SentAssessment };

export const updateOf = ({ assessment, ...update }: SentUpdate): WorkUpdate => ({ ...update, assessment: assessmentOf(assessment) });

export type SentHeartbeat = Omit<HeartbeatResult, 'expiresAt'> & { expiresAt: string | null };

export const heartbeatOf = (sent: SentHeartbeat): HeartbeatResult => ({ ...sent, expiresAt: timeOf(sent.expiresAt) });

/** A refusal among the members of a result. */
export type SentRefusal = { message: string } & (
  | { code: 'INVALID_INPUT'; fields: { path: string[]; message: string }[] }
  | { code: 'NOT_FOUND'; assessmentId: string }
  | { code: 'ALREADY_EXISTS' | 'CLAIM_LOST'; assessment: SentAssessment }
  | { code: 'INVALID_TRANSITION'; to: Assessment['state']; allowed: Assessment['state'][]; assessment: SentAssessment }
  | { code: 'VERSION_CONFLICT'; expectedVersion: number; assessment: SentAssessment }
);

export const isRefused = (sent: object): sent is SentRefusal => 'code' in sent && 'message' in sent;

/** A refusal as the store's own error, with the service's message. A code that this version does not know is an ApiError. */
export function refusalOf(sent: SentRefusal): RefusalError {
  return Object.assign(errorFor(sent), { message: sent.message });
}

function errorFor(sent: SentRefusal): RefusalError {
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
      throw unknownRefusal(sent satisfies never);
  }
}

const unknownRefusal = (sent: { code: ErrorCode; message: string }): ApiError => new ApiError(sent.code, sent.message);

/** The API has neither the tenant nor the database's id of an assessment: the errors show what it has. */
const shown = (sent: SentAssessment): Assessment => assessmentOf<object>(sent) as Assessment;
