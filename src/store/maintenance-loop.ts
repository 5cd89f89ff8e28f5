import type { Logger } from './logger.ts';

/** One round: how much was done, and in how many milliseconds the next is due (null: nothing to wait for). */
export interface Round {
  done: number;
  nextInMs: number | null;
}

export interface MaintenanceLoopOptions {
  /** What it does, for the log. */
  name: string;
  /** Does up to `limit` at a time, exclusive among all processes by SKIP LOCKED. */
  round: (limit: number) => Promise<Round>;
  /** Longest pause, in milliseconds: what other processes have left is found after it. */
  everyMs: number;
  log: Logger;
}

const batchSize = 500;

/**
 * Does what has come due, on every instance: the time of the next round is asked of the database, so that nothing waits for a tick that this process knows
 * of, and an idle service sends one statement each `everyMs`.
 */
export class MaintenanceLoop {
  readonly #options: MaintenanceLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #expectedAt = Number.POSITIVE_INFINITY;
  #running: Promise<unknown> | undefined;
  #stopped = false;

  constructor(options: MaintenanceLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  /** Lets the round under way finish. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Does all that is due now; gives how much that was. */
  async runOnce(): Promise<number> {
    return (await this.#rounds()).done;
  }

  /** Something comes due in so many milliseconds. */
  expect(inMs: number): void {
    // The round under way may have looked too early: what is expected meanwhile is due after it.
    if (this.#running === undefined) this.#schedule(inMs);
    else this.#expectedAt = Math.min(this.#expectedAt, performance.now() + inMs);
  }

  async #rounds(): Promise<Round> {
    for (let total = 0; ; ) {
      const { done, nextInMs } = await this.#options.round(batchSize);
      total += done;
      if (done < batchSize) return { done: total, nextInMs };
    }
  }

  #schedule(inMs: number): void {
    const delayMs = Math.min(Math.max(inMs, 0), this.#options.everyMs);
    const dueAt = performance.now() + delayMs;
    if (this.#stopped || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => void this.#run(), delayMs).unref();
  }

  async #run(): Promise<void> {
    const { everyMs, name, log } = this.#options;
    this.#running = this.#rounds().catch((error: unknown) => {
      log.warn({ err: error }, `${name}: a round failed; the next tick tries again`);
      return { done: 0, nextInMs: null };
    });
    const { nextInMs } = (await this.#running) as Round;
    this.#running = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
    // A little later than due: the database's clock must have passed it.
    this.#schedule(nextInMs === null ? everyMs : Math.max(nextInMs + 2, leastPauseMs));
    const expectedAt = this.#expectedAt;
    this.#expectedAt = Number.POSITIVE_INFINITY;
    if (expectedAt < Number.POSITIVE_INFINITY) this.#schedule(Math.max(expectedAt - performance.now(), leastPauseMs));
  }
}

const leastPauseMs = 20;
