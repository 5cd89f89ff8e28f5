import { Backoff } from './backoff.ts';
import { Claim, leaseEndOf } from './claim.ts';
import type { WorkerSettings } from './options.ts';
import type { WorkClaim } from './work-client.ts';

export interface ClaimingOptions {
  settings: WorkerSettings;
  /** How many more are wanted now; 0 for none. */
  wanted: () => number;
  onClaims: (claims: Claim[], limit: number) => void;
}

/** As many as the service gives at once. */
const maxLimit = 500;
/** A call for which there is work is answered within this time. */
const answerWithinMs = 250;

/** Gets work: one long poll at a time, the next as soon as there is room; after a failure not at once. */
export class Claiming {
  readonly #options: ClaimingOptions;
  readonly #backoff = new Backoff(100, 5_000);
  readonly #controller = new AbortController();
  #underWay: Promise<void> | undefined;
  #pause: NodeJS.Timeout | undefined;
  #started = false;

  constructor(options: ClaimingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#started = true;
    this.poll();
  }

  /** Breaks off the long poll; what it brings nevertheless comes before the promise resolves. */
  async stop(): Promise<void> {
    this.#started = false;
    clearTimeout(this.#pause);
    if (this.#underWay === undefined) return;
    // Claims may be on their way already, and who breaks off would not hear of them: only a poll that waits is broken off.
    const abort = setTimeout(() => this.#controller.abort(), answerWithinMs);
    await this.#underWay;
    clearTimeout(abort);
  }

  /** There may be room: asks for work unless it is asking already. */
  poll(): void {
    if (!this.#started || this.#underWay !== undefined || this.#pause !== undefined) return;
    const limit = Math.min(this.#options.wanted(), maxLimit);
    if (limit <= 0) return;
    this.#underWay = this.#claim(limit).then((pauseMs) => {
      this.#underWay = undefined;
      if (pauseMs > 0 && this.#started) this.#pauseFor(pauseMs);
      this.poll();
    });
  }

  /** Claims once; gives how long to wait before the next time. */
  async #claim(limit: number): Promise<number> {
    const { client, workerId, types, leaseMs, waitMs, log } = this.#options.settings;
    const sentAt = performance.now();
    try {
      const claims = await client.claimAssessments({ workerId, limit, types, leaseMs, waitMs }, this.#controller.signal);
      const now = performance.now();
      if (claims.length > 0)
        this.#options.onClaims(
          claims.map((claim) => claimOf(claim, { leaseMs, waitMs, sentAt, now })),
          limit,
        );
      // Nothing, and sooner than the wait: the service stops, perhaps. Without a wait it is asked again and again, but not in a tight loop.
      if (claims.length === 0 && now - sentAt < Math.max(waitMs / 2, 50)) return this.#backoff.next();
      this.#backoff.reset();
      return 0;
    } catch (error) {
      if (this.#controller.signal.aborted) return 0;
      const pauseMs = this.#backoff.next();
      log.warn({ err: error, againInMs: Math.round(pauseMs) }, 'no work could be claimed');
      return pauseMs;
    }
  }

  #pauseFor(pauseMs: number): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.poll();
    }, pauseMs);
  }
}

const claimOf = (claim: WorkClaim, call: Parameters<typeof leaseEndOf>[1]): Claim =>
  new Claim(claim, call.sentAt, call.now, leaseEndOf(claim, call));
