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
  /** To be sent alone: in company it was refused. */
  isAlone: boolean;
  /** Not to be sent before. */
  dueAt: number;
}

const maxBytes = 4 * 1024 * 1024;
/** How often something is sent that the service refuses without saying what is wrong with it. */
const maxUnclearTries = 5;
/** A call that takes longer, because of an assessment that somebody else has locked, does not keep the others waiting. */
const slowMs = 250;
const maxLanes = 4;
const pauseMs = { least: 100, most: 5_000 };

/**
 * Tells the service what came out of the work: one call at a time unless that is slow, and what comes up meanwhile shares the next one. What does not
 * get through is sent again, in smaller and smaller parts, for as long as the claim is held.
 */
export class Reports<R extends Report> {
  readonly #options: ReportsOptions<R>;
  readonly #backoff = new Backoff(pauseMs.least, pauseMs.most);
  #queue: Entry<R>[] = [];
  #underWay = 0;
  #lanes = 0;
  #slowLanes = 0;
  #givenUp = false;
  /** Waits for what is to be sent again, and those because the service is away; each ends by itself or when it is called. */
  readonly #naps = new Set<() => void>();
  readonly #pauses = new Set<() => void>();

  constructor(options: ReportsOptions<R>) {
    this.#options = options;
  }

  /** How many are not yet decided. */
  get size(): number {
    return this.#queue.length + this.#underWay;
  }

  add(report: R): void {
    this.#queue.push({ report, tries: 0, isAlone: false, dueAt: 0 });
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
    if (this.#lanes > this.#slowLanes || this.#lanes >= maxLanes || this.#queue.length === 0) return;
    this.#lanes++;
    // After the other handlers that end in this turn, so that they share the call.
    setImmediate(() => void this.#sendAll());
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const entries = this.#take(performance.now());
      if (entries.length > 0) await this.#send(entries);
      else if (this.#queue.length > 0) await this.#wait(this.#nextDueAt() - performance.now(), this.#naps);
    }
    this.#lanes--;
  }

  /** The next part: the oldest of those that are due, as long as the claims are held. What was sent before goes apart: it may be slow again. */
  #take(now: number): Entry<R>[] {
    const queue = this.#queue;
    const held = queue.filter(({ report }) => report.claim.leaseEndsAt > now && !this.#givenUp);
    const first = held.find(({ dueAt }) => dueAt <= now);
    const tries = first?.tries ?? 0;
    const due = held.filter((entry) => entry.dueAt <= now && entry.tries > 0 === tries > 0);
    const most = first?.isAlone ? 1 : Math.max(1, Math.floor((this.#options.maxItems ?? 500) / 2 ** tries));
    const part = new Set(due.slice(0, fitting(due, most)));
    this.#queue = held.filter((entry) => !part.has(entry));
    if (held.length < queue.length) for (const { report } of queue.filter((entry) => !held.includes(entry))) this.#options.onLate(report);
    return [...part];
  }

  #nextDueAt(): number {
    return this.#queue.reduce((least, { dueAt }) => Math.min(least, dueAt), Number.POSITIVE_INFINITY);
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
    const again = entries.filter((entry, index) => !this.#decide(entry, outcomes[index]));
    this.#sendAgain(again, outcomes);
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

  /** Whether it is known what became of it. */
  #decide({ report, tries }: Entry<R>, outcome: unknown): boolean {
    if (!(outcome instanceof Error)) this.#options.onAccepted(report);
    else if (isRefusal(outcome) && !(isUnclear(outcome) && tries < maxUnclearTries)) this.#options.onRefused(report, outcome);
    else return false;
    return true;
  }

  #sendAgain(entries: Entry<R>[], outcomes: readonly unknown[]): void {
    if (entries.length === 0) return;
    const err = outcomes.find((outcome) => outcome instanceof Error);
    this.#options.log.warn({ err }, `${entries.length} reports did not get through; they will be sent again while their claims are held`);
    const now = performance.now();
    for (const entry of entries) {
      entry.dueAt = now + Math.min(pauseMs.least * 2 ** entry.tries, pauseMs.most) * (0.5 + Math.random() / 2);
      entry.tries++;
    }
    this.#queue.unshift(...entries);
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
