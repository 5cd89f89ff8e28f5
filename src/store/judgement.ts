import type { Actor, Assessment, AssessmentKey } from './assessment.ts';
import {
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  UnavailableError,
  VersionConflictError,
} from './errors.ts';
import { transitions } from './lifecycle.ts';
import { type Transition, type TransitionOutcome, targetOf } from './transition-assessments.ts';

type Maybe<T> = T | null | undefined;

/** What a checked command on an existing assessment may hold. */
export interface ChangeInput {
  assessmentId: string;
  expectedVersion?: Maybe<number>;
  claimToken?: Maybe<string>;
  progress?: number;
  message?: Maybe<string>;
  error?: string;
  reason?: Maybe<string>;
}

/** The command as an item of a statement. */
export const transitionOf = (verb: Transition['verb'], input: ChangeInput, actor: Actor, rest: Partial<Transition>): Transition => ({
  verb,
  tenantId: actor.tenantId,
  assessmentId: input.assessmentId,
  expectedVersion: input.expectedVersion ?? null,
  claimToken: input.claimToken ?? null,
  progress: input.progress ?? null,
  message: input.message ?? null,
  result: null,
  error: input.error ?? null,
  retryable: false,
  jitter: Math.random(),
  changedBy: actor.subject,
  reason: input.reason ?? null,
  ...rest,
});

/** The assessment after the command. @throws the refusal that its outcome stands for. */
export function judge(item: Transition, outcome: TransitionOutcome): Assessment {
  switch (outcome.outcome) {
    case 'OK':
      return outcome.assessment;
    case 'NOT_FOUND':
      throw new NotFoundError(item.assessmentId);
    case 'VERSION_CONFLICT':
      throw new VersionConflictError(outcome.assessment, item.expectedVersion ?? 0);
    case 'CLAIM_LOST':
      throw new ClaimLostError(outcome.assessment);
    case 'INVALID_TRANSITION': {
      const why = item.verb === 'PROGRESS' ? 'takes no progress: progress is reported while PROCESSING' : undefined;
      throw new InvalidTransitionError(outcome.assessment, targetOf[item.verb], transitions[outcome.assessment.state], why);
    }
    case 'PROGRESS_FELL':
      throw new InvalidInputError([
        { path: ['progress'], message: `must not fall: it is ${outcome.assessment.progress} already, and ${item.progress} is less` },
      ]);
    case 'LOCKED':
      throw lockedError(item);
    default:
      return outcome satisfies never;
  }
}

/** Somebody else held what the command needs for longer than it waits. */
export const lockedError = ({ assessmentId }: AssessmentKey): UnavailableError =>
  new UnavailableError('TIMEOUT', `Assessment "${assessmentId}" is locked by another transaction; nothing was changed.`, 1_000);
