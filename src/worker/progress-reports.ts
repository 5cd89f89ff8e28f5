import type { Logger } from '../store/index.ts';
import { Backoff } from './backoff.ts';
import type { Claim } from './claim.ts';
import { isRefusal, isUnacceptable } from './refusal.ts';
import { cleanText } from './thrown.ts';
import type { WorkClient } from './work-client.ts';

export interface ProgressReportsOptions {
  client: WorkClient;
  /** Least time between two reports of one assessment, in milliseconds. */
  progressMs: number;
  /** The service says that the claim is not held any more. */
  onLost: (claim: Claim, error: unknown) => void;
  log: Logger;
}

const maxItems = 500;

/**
 * What handlers say about their progress: of each assessment only the newest is kept, and sent at most every `progressMs`, together with what is due
 * of others. Nothing that a handler says does harm, and none of it is waited for.
 */
export class ProgressReports {
  readonly #options: ProgressReportsOptions;
  readonly #pending = new Set<Claim>();
  readonly #backoff = new Backoff(200, 5_000);
  #sending = false;
  #dueAt = 0;
  /** Most in a call: fewer where so many were refused as a whole. */
  #most = maxItems;

  constructor(options: ProgressReportsOptions) {
    this.#options = options;
  }

  /** A handler says how far it is. */
  tell(claim: Claim, percent: unknown, message: unknown): void {
    if (claim.phase !== 'RUNNING' || claim.stopReason !== undefined) return;
    const whole = wholePercent(percent);
    if (whole === undefined || whole < claim.percent) {
      this.#complain(claim, percent);
      return;
    }
    const text = typeof message === 'string' ? cleanText(message) : claim.message;
    if (whole === claim.percent && text === claim.message) return;
    claim.percent = whole;
    claim.message = text;
    claim.pendingProgress = { percent: whole, message: text };
    this.#pending.add(claim);
  }

  /** Sends what is due. */
  pulse(now: number): void {
    if (this.#sending || this.#pending.size === 0 || now < this.#dueAt) return;
    const due: Claim[] = [];
    for (const claim of this.#pending) {
      if (claim.phase !== 'RUNNING') this.#pending.delete(claim);
      else if (claim.progressDueAt <= now && due.length < this.#most) due.push(claim);
    }
    if (due.length > 0) void this.#send(due, now);
  }

  async #send(claims: readonly Claim[], now: number): Promise<void> {
    this.#sending = true;
    const updates = claims.map((claim) => this.#updateOf(claim, now));
    try {
      const outcomes = await this.#options.client.batchUpdateProgress({ updates });
      for (const [index, claim] of claims.entries()) this.#heed(claim, outcomes[index]);
      this.#backoff.reset();
      this.#most = Math.min(this.#most * 2, maxItems);
    } catch (error) {
      this.#options.log.warn({ err: error }, `the progress of ${claims.length} assessments could not be reported`);
      if (isRefusal(error)) this.#most = Math.max(1, claims.length >> 1);
      // It alone is refused: the next report takes its place.
      if (isRefusal(error) && claims.length === 1) return;
      this.#dueAt = performance.now() + this.#backoff.next();
      for (const [index, claim] of claims.entries()) this.#keep(claim, updates[index]);
    } finally {
      this.#sending = false;
    }
  }

  #updateOf(claim: Claim, now: number) {
    const { percent = claim.percent, message } = claim.pendingProgress ?? {};
    claim.pendingProgress = undefined;
    claim.progressDueAt = now + this.#options.progressMs;
    this.#pending.delete(claim);
    return {
      assessmentId: claim.assessment.assessmentId,
      claimToken: claim.token,
      progress: percent,
      ...(message !== undefined && { message }),
    };
  }

  #heed(claim: Claim, outcome: unknown): void {
    if (claim.phase !== 'RUNNING' || !isRefusal(outcome)) return;
    if (isUnacceptable(outcome)) this.#options.log.warn({ err: outcome, ...idOf(claim) }, 'a report of progress was refused');
    else this.#options.onLost(claim, outcome);
  }

  /** Sent in vain: it goes again, unless there is something newer. */
  #keep(claim: Claim, update: { progress: number; message?: string } | undefined): void {
    if (claim.phase !== 'RUNNING' || update === undefined) return;
    claim.pendingProgress ??= { percent: update.progress, message: update.message };
    this.#pending.add(claim);
  }

  #complain(claim: Claim, percent: unknown): void {
    if (claim.complained) return;
    claim.complained = true;
    const given = typeof percent === 'number' ? percent : typeof percent;
    this.#options.log.warn(
      { ...idOf(claim), given, before: claim.percent },
      'progress was ignored: it must be a number that does not fall; this is logged once for an assessment',
    );
  }
}

const idOf = ({ assessment: { assessmentId } }: Claim) => ({ assessmentId });

function wholePercent(percent: unknown): number | undefined {
  if (typeof percent !== 'number' || Number.isNaN(percent)) return undefined;
  return Math.floor(Math.min(Math.max(percent, 0), 100));
}
