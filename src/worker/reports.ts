import type { Logger } from '../store/index.ts';
import { Backoff } from './backoff.ts';
import type { Claim } from './claim.ts';
import { isRefusal, isUnclear } from './refusal.ts';

/** Something that the service is to hear about a claim. */
export interface Report {
  claim: Claim;
  /** Its size, in bytes. */
  bytes: number;
}

export interface ReportsOptions<R extends Report> {
  /** Sends some; gives for each, in order, an error or something else. A rejection means that it is not known what became of any. */
  send: (reports: readonly R[]) => Promise<readonly unknown[]>;
  onAccepted: (report: R) => void;
  /** The service has decided against it. */
  onRefused: (report: R, error: unknown) => void;
  /** The lease ended before the service could be told. */
  onLate: (report: R) => void;
  log: Logger;
  /** Most reports in a call. Default 500. */
  maxItems?: number;
}

interface Entry<R> {
  report: R;
  tries: number;
}

const maxBytes = 4 * 1024 * 1024;
/** After so many tries everything goes alone. */
const aloneAfter = 10;
/** How often something is sent that the service refuses without saying what is wrong with it. */
const maxUnclearTries = 5;

/**
 * Tells the service what came out of the work: one call at a time, and what comes up meanwhile shares the next one. What does not get through is
 * sent again, in smaller and smaller parts, for as long as the claim is held.
 */
export class Reports<R extends Report> {
  readonly #options: ReportsOptions<R>;
  readonly #backoff = new Backoff(100, 5_000);
  #queue: Entry<R>[] = [];
  #sending: Promise<void> | undefined;
  #underWay = 0;
  #givenUp = false;
  #endWait = (): void => {};

  constructor(options: ReportsOptions<R>) {
    this.#options = options;
  }

  /** How many are not yet decided. */
  get size(): number {
    return this.#queue.length + this.#underWay;
  }

  add(report: R): void {
    this.#queue.push({ report, tries: 0 });
    this.#sending ??= this.#sendAll();
  }

  /** Sends no more; what is not decided by the end of the call under way is late. */
  giveUp(): void {
    this.#givenUp = true;
    this.#endWait();
  }

  async #sendAll(): Promise<void> {
    // After the other handlers that end in this turn, so that they share the call.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const entries = this.#take();
      this.#underWay = entries.length;
      const failed = entries.length > 0 && (await this.#send(entries));
      this.#underWay = 0;
      if (failed && !this.#givenUp) await this.#wait(this.#backoff.next());
    }
    this.#sending = undefined;
  }

  /** The next part: the oldest, as long as the claims are held. */
  #take(): Entry<R>[] {
    const now = performance.now();
    const held: Entry<R>[] = [];
    for (const entry of this.#queue) {
      if (entry.report.claim.leaseEndsAt > now && !this.#givenUp) held.push(entry);
      else this.#options.onLate(entry.report);
    }
    const tries = held[0]?.tries ?? 0;
    const count = fitting(held, Math.max(1, Math.floor((this.#options.maxItems ?? 500) / 2 ** tries)));
    this.#queue = held.slice(count);
    return held.slice(0, count);
  }

  /** Sends a part; gives whether something of it has to be sent again. */
  async #send(entries: Entry<R>[]): Promise<boolean> {
    const outcomes = await this.#outcomesOf(entries);
    const again = entries.filter((entry, index) => !this.#decide(entry, outcomes[index]));
    for (const entry of again) entry.tries++;
    this.#queue.unshift(...again);
    if (again.length === 0) this.#backoff.reset();
    else this.#complain(again.length, outcomes);
    return again.length > 0;
  }

  async #outcomesOf(entries: Entry<R>[]): Promise<readonly unknown[]> {
    try {
      const outcomes = await this.#options.send(entries.map(({ report }) => report));
      if (outcomes.length === entries.length) return outcomes;
      throw new Error(`the service gave ${outcomes.length} answers for ${entries.length} reports`);
    } catch (error) {
      if (!isRefusal(error) || entries.length === 1) return entries.map(() => error);
      // Refused as a whole: whose fault it is, shows when each is sent alone.
      for (const entry of entries) entry.tries = aloneAfter;
      return entries.map(() => new Error('refused together with others', { cause: error }));
    }
  }

  /** Whether it is known what became of it. */
  #decide({ report, tries }: Entry<R>, outcome: unknown): boolean {
    if (!(outcome instanceof Error)) this.#options.onAccepted(report);
    else if (isRefusal(outcome) && !(isUnclear(outcome) && tries < maxUnclearTries)) this.#options.onRefused(report, outcome);
    else return false;
    return true;
  }

  #complain(count: number, outcomes: readonly unknown[]): void {
    const err = outcomes.find((outcome) => outcome instanceof Error);
    this.#options.log.warn({ err }, `${count} reports did not get through; they will be sent again while their claims are held`);
  }

  async #wait(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** How many of the first fit into one call. */
function fitting(entries: readonly Entry<Report>[], maxItems: number): number {
  let bytes = 0;
  let count = 0;
  for (const { report } of entries) {
    bytes += report.bytes;
    if (count >= maxItems || (count > 0 && bytes > maxBytes)) break;
    count++;
  }
  return count;
}
