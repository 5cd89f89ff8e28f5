import type { HeartbeatResult, Logger } from '../store/index.ts';
import { Backoff } from './backoff.ts';
import type { Claim } from './claim.ts';
import type { WorkClient } from './work-client.ts';

export interface HeartbeatsOptions {
  client: WorkClient;
  workerId: string;
  leaseMs: number;
  /** All that are held, by their tokens. */
  held: ReadonlyMap<string, Claim>;
  /** The service says that the claim is not held any more. */
  onLost: (claim: Claim, cancelled: boolean) => void;
  log: Logger;
}

const maxTokens = 5_000;

/** Renews the leases of all claims, in one call every third of a lease; soon again when that fails. */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #everyMs: number;
  readonly #backoff: Backoff;
  #dueAt: number;
  /** The latest call: one that hangs is not waited for longer than until the next is due. */
  #latest = 0;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#everyMs = options.leaseMs / 3;
    this.#backoff = new Backoff(Math.min(options.leaseMs / 30, 500), this.#everyMs / 2);
    this.#dueAt = performance.now() + this.#everyMs;
  }

  /** Sends a heartbeat when it is time. */
  pulse(now: number): void {
    if (now < this.#dueAt) return;
    this.#dueAt = now + this.#everyMs;
    const tokens = this.#tokensToRenew(now);
    for (let start = 0; start < tokens.length; start += maxTokens) void this.#renew(tokens.slice(start, start + maxTokens), now);
  }

  /**
   * Those that were claimed a moment ago have time until the next beat; most will be done by then. But where the answer to the claim took long, it is not
   * known how long it was on its way, and how much of the lease is left.
   */
  #tokensToRenew(now: number): string[] {
    const { held, leaseMs } = this.#options;
    const tokens: string[] = [];
    for (const { token, leaseEndsAt, askedAt } of held.values())
      if (leaseEndsAt - now < leaseMs * 0.9 || now - askedAt > leaseMs / 10) tokens.push(token);
    return tokens;
  }

  async #renew(claimTokens: string[], sentAt: number): Promise<void> {
    const { client, workerId, leaseMs, log } = this.#options;
    const call = ++this.#latest;
    try {
      const results = await client.heartbeat({ workerId, claimTokens, leaseMs });
      for (const result of results) this.#heed(result, sentAt);
      this.#backoff.reset();
    } catch (error) {
      log.warn({ err: error }, `a heartbeat for ${claimTokens.length} claims failed`);
      if (call === this.#latest) this.#dueAt = Math.min(this.#dueAt, performance.now() + this.#backoff.next());
    }
  }

  #heed({ claimToken, held, cancelled, expiresAt }: HeartbeatResult, sentAt: number): void {
    const claim = this.#options.held.get(claimToken);
    if (claim === undefined) return;
    if (!held) {
      this.#options.onLost(claim, cancelled);
      return;
    }
    // Held, and yet not renewed, is an assessment that somebody else has locked for the moment.
    const end = expiresAt?.getTime() ?? 0;
    if (end <= claim.expiresAt) return;
    claim.expiresAt = end;
    claim.leaseEndsAt = Math.max(claim.leaseEndsAt, sentAt + this.#options.leaseMs);
  }
}
