import type { Logger } from '../store/index.ts';
import { Backoff } from './backoff.ts';
import { isRefusal, isUnclear } from './refusal.ts';
import { type Entry, type Report, ReportQueue } from './report-queue.ts';

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

/** How often something is sent that the service refuses without saying what is wrong with it. */
const maxUnclearTries = 5;
/** A call that takes longer, because of an assessment that somebody else has locked, does not keep the others waiting. */
const slowMs = 250;
const maxLanes = 4;
/** With so many waiting, a second call goes beside the first: the database can work on one while the answer to the other is read. */
const secondLaneAt = 250;

/**
 * Tells the service what came out of the work: one call at a time unless that is slow or many wait, and what comes up meanwhile shares the next one. What does not
 * get through is sent again, in smaller and smaller parts, for as long as the claim is held.
 */
export class Reports<R extends Report> {
  readonly #options: ReportsOptions<R>;
  readonly #queue: ReportQueue<R>;
  readonly #backoff = new Backoff(100, 5_000);
  /** Ends a wait: for what is to be sent again, or because the service is away. */
  readonly #naps = new Set<() => void>();
  readonly #pauses = new Set<() => void>();
  #underWay = 0;
  #lanes = 0;
  #slowLanes = 0;
  #givenUp = false;

  constructor(options: ReportsOptions<R>) {
    this.#options = options;
    this.#queue = new ReportQueue(options.maxItems ?? 500);
  }

  /** How many are not yet decided. */
  get size(): number {
    return this.#queue.length + this.#underWay;
  }

  add(report: R): void {
    this.#queue.add(report);
    for (const end of this.#naps) end();
    this.#openLane();
  }

  /** Sends no more; what is not decided by the end of the calls under way is late. */
  giveUp(): void {
    this.#givenUp = true;
    for (const end of [...this.#naps, ...this.#pauses]) end();
  }

  /** Begins to send, unless that is being done. */
  #openLane(): void {
    const quickLanes = this.#lanes - this.#slowLanes;
    const enough = this.#queue.length >= secondLaneAt ? 2 : 1;
    if (quickLanes >= enough || this.#lanes >= maxLanes || this.#queue.length === 0) return;
    this.#lanes++;
    // After the other handlers that end in this turn, so that they share the call.
    setImmediate(() => void this.#sendAll());
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const now = performance.now();
      for (const report of this.#queue.takeLate(this.#givenUp ? Number.POSITIVE_INFINITY : now)) this.#options.onLate(report);
      const entries = this.#queue.takePart(now);
      if (entries.length > 0) await this.#send(entries);
      else if (this.#queue.length > 0) await this.#wait(this.#queue.nextDueAt - now, this.#naps);
    }
    this.#lanes--;
  }

  async #send(entries: Entry<R>[]): Promise<void> {
    this.#underWay += entries.length;
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      this.#slowLanes++;
      this.#openLane();
    }, slowMs);
    const { outcomes, isAway } = await this.#outcomesOf(entries);
    clearTimeout(timer);
    this.#underWay -= entries.length;
    this.#decideAll(entries, outcomes);
    if (isAway) await this.#wait(this.#backoff.next(), this.#pauses);
    else this.#backoff.reset();
    if (isSlow) this.#slowLanes--;
  }

  async #outcomesOf(entries: Entry<R>[]): Promise<{ outcomes: readonly unknown[]; isAway: boolean }> {
    try {
      const outcomes = await this.#options.send(entries.map(({ report }) => report));
      if (outcomes.length === entries.length) return { outcomes, isAway: false };
      throw new Error(`the service gave ${outcomes.length} answers for ${entries.length} reports`);
    } catch (error) {
      if (!isRefusal(error) || entries.length === 1) return { outcomes: entries.map(() => error), isAway: !isRefusal(error) };
      // Refused as a whole: whose fault it is, shows when each is sent alone.
      for (const entry of entries) entry.isAlone = true;
      return { outcomes: entries.map(() => new Error('refused together with others', { cause: error })), isAway: false };
    }
  }

  #decideAll(entries: readonly Entry<R>[], outcomes: readonly unknown[]): void {
    const again = entries.filter((entry, index) => !this.#decide(entry, outcomes[index]));
    if (again.length === 0) return;
    const err = outcomes.find((outcome) => outcome instanceof Error);
    this.#options.log.warn({ err }, `${again.length} reports did not get through; they will be sent again while their claims are held`);
    this.#queue.addAgain(again, performance.now());
  }

  /** Whether it is known what became of it. */
  #decide({ report, tries }: Entry<R>, outcome: unknown): boolean {
    if (!(outcome instanceof Error)) this.#options.onAccepted(report);
    else if (isRefusal(outcome) && !(isUnclear(outcome) && tries < maxUnclearTries)) this.#options.onRefused(report, outcome);
    else return false;
    return true;
  }

  async #wait(delayMs: number, waits: Set<() => void>): Promise<void> {
    if (this.#givenUp) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        waits.delete(end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(delayMs, 0));
      waits.add(end);
    });
  }
}
