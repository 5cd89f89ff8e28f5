import type { Assessment } from './assessment.ts';
import type { AssessmentState } from './lifecycle.ts';

/** The code of every refusal that is answered as data. docs/errors.md explains each. */
export const errorCodes = ['INVALID_INPUT', 'NOT_FOUND', 'ALREADY_EXISTS', 'INVALID_TRANSITION', 'VERSION_CONFLICT', 'CLAIM_LOST'] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** A request that the store refuses for a reason that the caller can understand and act on. Nothing was changed. */
export abstract class RefusalError extends Error {
  abstract readonly code: ErrorCode;
}

/** One field of the input that is not as it must be. */
export interface InvalidField {
  /** Where in the input, outermost name first. */
  path: string[];
  /** What is wrong, and what would be right. */
  message: string;
}

/** INVALID_INPUT: the input itself is wrong, whatever the assessment's state. */
export class InvalidInputError extends RefusalError {
  override readonly name = 'InvalidInputError';
  readonly code = 'INVALID_INPUT';
  readonly fields: InvalidField[];

  constructor(fields: InvalidField[]) {
    super(fields.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; '));
    this.fields = fields;
  }
}

/** NOT_FOUND: the tenant has no assessment with this key. */
export class NotFoundError extends RefusalError {
  override readonly name = 'NotFoundError';
  readonly code = 'NOT_FOUND';
  readonly assessmentId: string;

  constructor(assessmentId: string) {
    super(`There is no assessment "${assessmentId}".`);
    this.assessmentId = assessmentId;
  }
}

/** ALREADY_EXISTS: the key is taken by an assessment that was created with another request. */
export class AlreadyExistsError extends RefusalError {
  override readonly name = 'AlreadyExistsError';
  readonly code = 'ALREADY_EXISTS';
  readonly assessment: Assessment;

  constructor(assessment: Assessment) {
    super(
      `Assessment "${assessment.assessmentId}" exists already, created with another request. Use another assessmentId, or repeat the same request.`,
    );
    this.assessment = assessment;
  }
}

/** INVALID_TRANSITION: the lifecycle does not lead from the state it has to the one asked for. */
export class InvalidTransitionError extends RefusalError {
  override readonly name = 'InvalidTransitionError';
  readonly code = 'INVALID_TRANSITION';
  readonly from: AssessmentState;
  readonly to: AssessmentState;
  readonly allowed: readonly AssessmentState[];
  readonly assessment: Assessment;

  constructor(assessment: Assessment, to: AssessmentState, allowed: readonly AssessmentState[], why = `cannot go to ${to}`) {
    const next =
      allowed.length > 0 ? `From ${assessment.state} it can go to ${allowed.join(', ')}.` : `Nothing can follow ${assessment.state}.`;
    super(`Assessment "${assessment.assessmentId}" is ${assessment.state} and ${why}. ${next}`);
    this.assessment = assessment;
    this.from = assessment.state;
    this.to = to;
    this.allowed = allowed;
  }
}

/** VERSION_CONFLICT: the assessment has changed since the version that the caller expects. */
export class VersionConflictError extends RefusalError {
  override readonly name = 'VersionConflictError';
  readonly code = 'VERSION_CONFLICT';
  readonly expectedVersion: number;
  readonly assessment: Assessment;

  constructor(assessment: Assessment, expectedVersion: number) {
    super(
      `Assessment "${assessment.assessmentId}" has version ${assessment.version}, not ${expectedVersion}. Read it again and decide anew.`,
    );
    this.assessment = assessment;
    this.expectedVersion = expectedVersion;
  }
}

/** CLAIM_LOST: the assessment is claimed and the token is missing, stale, or not the one it is held with. */
export class ClaimLostError extends RefusalError {
  override readonly name = 'ClaimLostError';
  readonly code = 'CLAIM_LOST';
  readonly assessment: Assessment;

  constructor(assessment: Assessment) {
    super(
      assessment.claimedBy === null
        ? `Assessment "${assessment.assessmentId}" is not held by this claim token: nobody holds it now.`
        : `Assessment "${assessment.assessmentId}" is held by worker "${assessment.claimedBy}", and not by this claim token, or its lease has run out.`,
    );
    this.assessment = assessment;
  }
}

/** The service did not manage in time, or cannot take the request now. What was asked may be tried again. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly code: 'TIMEOUT' | 'OVERLOADED';
  /** When to try again, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(code: 'TIMEOUT' | 'OVERLOADED', message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** CURSOR_EXPIRED: what followed the cursor of a feed is no longer all there. Start afresh: read the list, and open a feed without a cursor. */
export class CursorExpiredError extends Error {
  override readonly name = 'CursorExpiredError';
  readonly code = 'CURSOR_EXPIRED';

  constructor(reason = 'assessments that changed after it have been deleted since') {
    super(`The feed cannot go on from this cursor: ${reason}. Read the list anew and open a feed without \`after\`.`);
  }
}
