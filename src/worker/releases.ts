import type { Logger } from '../store/index.ts';
import { Backoff } from './backoff.ts';
import type { Claim } from './claim.ts';
import { isRefusal } from './refusal.ts';
import type { Counts } from './stats.ts';
import type { WorkClient } from './work-client.ts';

export interface ReleasesOptions {
  client: WorkClient;
  workerId: string;
  log: Logger;
  counts: Counts;
}

const reason = 'the worker stops';
const maxTokens = 5_000;

/** Gives claims back to the queue, for others to take at once. */
export class Releases {
  readonly #options: ReleasesOptions;
  #tokens: string[] = [];

  constructor(options: ReleasesOptions) {
    this.#options = options;
  }

  /** Notes a claim that is to be given back with the next flush. */
  add({ token }: Claim): void {
    this.#tokens.push(token);
  }

  /** Gives back what was noted; tries until the deadline, after which the leases run out by themselves. */
  async flush(deadline: number): Promise<void> {
    const tokens = this.#tokens.splice(0);
    for (let start = 0; start < tokens.length; start += maxTokens) await this.#release(tokens.slice(start, start + maxTokens), deadline);
  }

  async #release(claimTokens: string[], deadline: number): Promise<void> {
    const { client, workerId, log, counts } = this.#options;
    const backoff = new Backoff(50, 2_000);
    for (;;) {
      try {
        const results = await client.releaseAssessments({ workerId, claimTokens, reason });
        counts.released += results.filter(({ released }) => released).length;
        return;
      } catch (error) {
        const delayMs = backoff.next();
        if (isRefusal(error) || performance.now() + delayMs > deadline) {
          log.warn({ err: error }, `${claimTokens.length} claims could not be given back; their leases will run out`);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  }
}
