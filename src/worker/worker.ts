import { Ahead } from './ahead.ts';
import { CancelWatches } from './cancel-watches.ts';
import type { Claim } from './claim.ts';
import { Claiming } from './claiming.ts';
import { CancelledError, LeaseLostError, ShutdownError, type StoppedError, WorkTimeoutError } from './errors.ts';
import { Heartbeats } from './heartbeats.ts';
import { readOptions, type WorkerOptions, type WorkerSettings } from './options.ts';
import { Outcomes } from './outcomes.ts';
import { ProgressReports } from './progress-reports.ts';
import { isCancellation } from './refusal.ts';
import { Releases } from './releases.ts';
import { type Outcome, runHandler, throwing } from './run-handler.ts';
import { type Counts, noCounts, type WorkerStats } from './stats.ts';

/** Takes assessments from the queue and has them done. */
export interface Worker {
  /** The name by which others see who works on an assessment. */
  readonly workerId: string;
  /** Begins to take work. */
  start(): void;
  /**
   * Takes no more work, gives back what is not begun, lets handlers finish for `graceMs`, then fires their signals and gives their assessments back
   * too, and tells the service of all that was done. Every call gives the same promise; it is never rejected.
   */
  stop(): Promise<void>;
  readonly stats: WorkerStats;
}

/** A worker that is yet to be started. @throws RangeError, TypeError for options that are wrong */
export const createWorker = (options: WorkerOptions): Worker => new QueueWorker(readOptions(options));

const longestPulseMs = 50;
/** How long before the end of a lease the work on it has to stop: the next look, and the handler, take their time. */
const longestMarginMs = 1_000;

/**
 * The parts of a worker and what they have in common: the claims it holds, and one timer for all that has to happen in time. A claim is
 * WAITING in a short buffer, then RUNNING, then REPORTING; see ClaimPhase.
 */
class QueueWorker implements Worker {
  readonly #settings: WorkerSettings;
  readonly #held = new Map<string, Claim>();
  readonly #buffer: Claim[] = [];
  readonly #counts: Counts = noCounts();
  readonly #outcomes: Outcomes;
  readonly #progress: ProgressReports;
  readonly #heartbeats: Heartbeats;
  readonly #watches: CancelWatches;
  readonly #claiming: Claiming;
  readonly #ahead: Ahead;
  readonly #releases: Releases;
  readonly #pulseMs: number;
  readonly #marginMs: number;
  #running = 0;
  #filling = false;
  #pulse: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;
  #onIdle = (): void => {};

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
    this.#pulseMs = Math.max(5, Math.min(longestPulseMs, settings.leaseMs / 20));
    this.#marginMs = Math.min(longestMarginMs, settings.leaseMs / 10);
    const { client, workerId, leaseMs, progressMs, log } = settings;
    const onLost = (claim: Claim, cancelled: boolean): void => this.#lose(claim, cancelled);
    this.#outcomes = new Outcomes({ ...settings, counts: this.#counts, onEnd: (claim) => this.#reported(claim) });
    this.#progress = new ProgressReports({ client, progressMs, log, onLost: (claim, error) => onLost(claim, isCancellation(error)) });
    this.#heartbeats = new Heartbeats({ client, workerId, leaseMs, log, held: this.#held, onLost });
    this.#watches = new CancelWatches({ client, workerId, log, onLost });
    this.#claiming = new Claiming({ settings, wanted: () => this.#wanted(), onClaims: (claims, limit) => this.#take(claims, limit) });
    this.#ahead = new Ahead(settings);
    this.#releases = new Releases({ client, workerId, log, counts: this.#counts });
  }

  get workerId(): string {
    return this.#settings.workerId;
  }

  get stats(): WorkerStats {
    return { ...this.#counts, running: this.#running, prefetched: this.#buffer.length, reporting: this.#outcomes.size };
  }

  start(): void {
    if (this.#pulse !== undefined || this.#stopping !== undefined) return;
    this.#pulse = setInterval(() => this.#beat(performance.now()), this.#pulseMs);
    this.#claiming.start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  /** Room in the buffer; none while it is half full, so that claims are few and large, nor while what is done can't be reported. */
  #wanted(): number {
    const { concurrency } = this.#settings;
    const ahead = this.#ahead.target;
    if (this.#buffer.length > ahead / 2 || this.#outcomes.size > 1_000 + 4 * concurrency) return 0;
    return Math.max(0, concurrency - this.#running) + ahead - this.#buffer.length;
  }

  #take(claims: readonly Claim[], limit: number): void {
    this.#counts.claimed += claims.length;
    if (this.#stopping !== undefined) {
      for (const claim of claims) this.#releases.add(claim);
      return;
    }
    this.#ahead.onClaims(claims.length === limit && this.#buffer.length === 0 && this.#running < this.#settings.concurrency);
    for (const claim of claims) this.#held.set(claim.token, claim);
    this.#buffer.push(...claims);
    this.#fill();
  }

  /** Begins what there is room for. Handlers that give their result at once end in here. */
  #fill(): void {
    if (this.#filling || this.#stopping !== undefined) return;
    this.#filling = true;
    while (this.#running < this.#settings.concurrency) {
      const claim = this.#buffer.shift();
      if (claim === undefined) break;
      this.#begin(claim);
    }
    this.#filling = false;
  }

  #begin(claim: Claim): void {
    claim.phase = 'RUNNING';
    claim.startedAt = performance.now();
    this.#ahead.onBegin(claim.startedAt - claim.claimedAt);
    this.#running++;
    const progress = (percent: unknown, message?: unknown): void => this.#progress.tell(claim, percent, message);
    runHandler(claim, this.#settings.handlers, progress, (outcome) => this.#done(claim, outcome));
  }

  /** A handler has come to its end, be it that nobody waits for it any more. */
  #done(claim: Claim, outcome: Outcome): void {
    if (claim.phase !== 'RUNNING') return;
    if (claim.stopReason === undefined) this.#report(claim, outcome);
    else this.#endStopped(claim, claim.stopReason);
    this.#leave(claim);
  }

  #report(claim: Claim, outcome: Outcome): void {
    claim.phase = 'REPORTING';
    this.#outcomes.report(claim, outcome);
  }

  #endStopped(claim: Claim, reason: StoppedError): void {
    if (reason instanceof WorkTimeoutError) this.#report(claim, throwing(reason));
    else if (reason instanceof ShutdownError) this.#releases.add(claim);
    else this.#drop(claim);
    if (claim.phase === 'RUNNING') this.#forget(claim);
  }

  /** Its place is free. */
  #leave(claim: Claim): void {
    this.#running--;
    if (claim.watch !== undefined) this.#watches.end(claim);
    this.#fill();
    this.#claiming.poll();
    if (this.#running === 0) this.#onIdle();
  }

  #reported(claim: Claim): void {
    this.#forget(claim);
    this.#claiming.poll();
  }

  #drop(claim: Claim): void {
    this.#counts.dropped++;
    this.#forget(claim);
  }

  #forget(claim: Claim): void {
    claim.phase = 'ENDED';
    this.#held.delete(claim.token);
  }

  /** The claim is not held any more: its handler is to stop. What is being reported is left to the answer to that. */
  #lose(claim: Claim, cancelled: boolean): void {
    const { assessmentId } = claim.assessment;
    const reason = cancelled
      ? new CancelledError(`assessment "${assessmentId}" was cancelled`)
      : new LeaseLostError(`this worker does not hold assessment "${assessmentId}" any more`);
    this.#stopWork(claim, reason);
  }

  #stopWork(claim: Claim, reason: StoppedError): void {
    if (claim.phase === 'WAITING') {
      this.#buffer.splice(this.#buffer.indexOf(claim), 1);
      this.#drop(claim);
    }
    if (claim.phase !== 'RUNNING' || claim.stopReason !== undefined) return;
    this.#settings.log.info({ assessmentId: claim.assessment.assessmentId, reason: reason.name }, 'a handler is told to stop');
    claim.abandonAt = performance.now() + this.#settings.abandonMs;
    claim.stop(reason);
  }

  #beat(now: number): void {
    for (const claim of this.#held.values()) this.#check(claim, now);
    this.#heartbeats.pulse(now);
    this.#progress.pulse(now);
  }

  #check(claim: Claim, now: number): void {
    if (claim.leaseEndsAt <= now + this.#marginMs) this.#lose(claim, false);
    if (claim.phase !== 'RUNNING') return;
    if (claim.abandonAt <= now) this.#abandon(claim);
    else if (claim.timeoutAt <= now) this.#stopWork(claim, new WorkTimeoutError(`timed out after ${claim.assessment.timeoutMs} ms`));
    else if (now - claim.startedAt >= this.#settings.watchAfterMs && claim.stopReason === undefined) this.#watches.begin(claim, now);
  }

  #abandon(claim: Claim): void {
    this.#counts.abandoned++;
    this.#settings.log.warn(
      { assessmentId: claim.assessment.assessmentId },
      'a handler did not stop when it was told to; it may run still',
    );
    this.#done(claim, () => undefined);
  }

  async #shutDown(): Promise<void> {
    const { graceMs, abandonMs, log } = this.#settings;
    const deadline = performance.now() + graceMs;
    const polled = this.#claiming.stop();
    for (const claim of this.#buffer.splice(0)) {
      this.#releases.add(claim);
      this.#forget(claim);
    }
    const released = this.#releases.flush(deadline);
    await this.#idleBy(deadline);
    for (const claim of this.#held.values()) this.#stopWork(claim, new ShutdownError('the worker stops'));
    // The pulse abandons those that do not stop.
    if (this.#running > 0) await this.#idleBy(performance.now() + abandonMs + 10 * longestPulseMs);
    await polled;
    const lastMoment = performance.now() + Math.max(graceMs, 1_000);
    await Promise.all([released, this.#releases.flush(lastMoment), this.#outcomes.flush(lastMoment)]);
    clearInterval(this.#pulse);
    log.info({ ...this.stats }, 'the worker has stopped');
  }

  /** Resolves when no handler works any more, at the latest at the deadline. */
  async #idleBy(deadline: number): Promise<void> {
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadline - performance.now());
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
