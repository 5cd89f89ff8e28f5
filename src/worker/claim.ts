import type { StoppedError } from './errors.ts';
import type { WorkClaim, WorkUpdates } from './work-client.ts';

/**
 * WAITING: claimed ahead, not begun. RUNNING: its handler works, or has been told to stop. REPORTING: its handler is done, and the service is to
 * hear of it. ENDED: nothing of it is left to do here.
 */
export type ClaimPhase = 'WAITING' | 'RUNNING' | 'REPORTING' | 'ENDED';

/** A report of progress that has not been sent. */
export interface PendingProgress {
  percent: number;
  message: string | undefined;
}

/** One claim that this worker holds. Times are of `performance.now()`. */
export class Claim {
  readonly assessment: WorkClaim['assessment'];
  readonly token: string;
  readonly claimedAt: number;
  /** When it was asked for. */
  readonly askedAt: number;
  phase: ClaimPhase = 'WAITING';
  /** When somebody else may get it, unless it is renewed before. */
  leaseEndsAt: number;
  /** The end of the lease as the service last told it, by its own clock. */
  expiresAt: number;
  startedAt = 0;
  /** When a handler that was told to stop is waited for no longer. */
  abandonAt = Number.POSITIVE_INFINITY;
  /** The newest progress that was reported by the handler. */
  percent: number;
  message: string | undefined;
  pendingProgress: PendingProgress | undefined;
  progressDueAt = 0;
  /** Whether a report of progress that makes no sense has been logged. */
  complained = false;
  watch: WorkUpdates | 'OPENING' | undefined;
  /** When to try to watch it; and how long to wait after the next time that this fails. */
  watchDueAt = 0;
  watchRetryMs = 1_000;
  /** Why its handler is to stop. */
  stopReason: StoppedError | undefined;
  #controller: AbortController | undefined;

  constructor({ assessment, claimToken, expiresAt }: WorkClaim, askedAt: number, claimedAt: number, leaseEndsAt: number) {
    this.assessment = assessment;
    this.token = claimToken;
    this.askedAt = askedAt;
    this.claimedAt = claimedAt;
    this.leaseEndsAt = leaseEndsAt;
    this.expiresAt = expiresAt.getTime();
    this.percent = assessment.progress;
  }

  /** Made when it is asked for: a short handler never looks at it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.stopReason !== undefined) this.#controller.abort(this.stopReason);
    return this.#controller.signal;
  }

  /** Fires the signal, once. */
  stop(reason: StoppedError): void {
    this.stopReason ??= reason;
    this.#controller?.abort(this.stopReason);
  }

  /** When the assessment's `timeoutMs` is over, by the time since it was claimed. */
  get timeoutAt(): number {
    const { timeoutMs } = this.assessment;
    return timeoutMs === null ? Number.POSITIVE_INFINITY : this.claimedAt + timeoutMs;
  }
}

/**
 * When the lease of a claim that was just received ends, by the local clock. The service's clock counts only as a difference; an answer that came
 * later than the wait that was asked for was on its way that long.
 */
export function leaseEndOf(
  { assessment, expiresAt }: WorkClaim,
  call: { leaseMs: number; waitMs: number; sentAt: number; now: number },
): number {
  const grantedMs = assessment.claimedAt === null ? call.leaseMs : expiresAt.getTime() - assessment.claimedAt.getTime();
  const lateMs = Math.max(0, call.now - call.sentAt - call.waitMs);
  return call.now - lateMs + grantedMs;
}
