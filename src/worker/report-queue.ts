import type { Claim } from './claim.ts';

/** Something that the service is to hear about a claim. */
export interface Report {
  claim: Claim;
  /** Its size, in bytes. */
  bytes: number;
}

/** A report on its way. */
export interface Entry<R> {
  report: R;
  /** How often it was sent in vain. */
  tries: number;
  /** To be sent alone: in company it was refused. */
  isAlone: boolean;
  /** Not to be sent before. */
  dueAt: number;
}

const maxBytes = 4 * 1024 * 1024;
const pauseMs = { least: 100, most: 5_000 };

/** The reports that wait to be sent, those first that were sent in vain. */
export class ReportQueue<R extends Report> {
  readonly #maxItems: number;
  #entries: Entry<R>[] = [];

  constructor(maxItems: number) {
    this.#maxItems = maxItems;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** When the first of them is due. */
  get nextDueAt(): number {
    return this.#entries.reduce((least, { dueAt }) => Math.min(least, dueAt), Number.POSITIVE_INFINITY);
  }

  add(report: R): void {
    this.#entries.push({ report, tries: 0, isAlone: false, dueAt: 0 });
  }

  /** They were sent in vain: they wait, longer each time. */
  addAgain(entries: readonly Entry<R>[], now: number): void {
    for (const entry of entries) {
      entry.dueAt = now + Math.min(pauseMs.least * 2 ** entry.tries, pauseMs.most) * (0.5 + Math.random() / 2);
      entry.tries++;
    }
    this.#entries.unshift(...entries);
  }

  /** Takes out those whose lease has ended. */
  takeLate(now: number): R[] {
    const late = this.#entries.filter(({ report }) => report.claim.leaseEndsAt <= now);
    if (late.length > 0) this.#entries = this.#entries.filter(({ report }) => report.claim.leaseEndsAt > now);
    return late.map(({ report }) => report);
  }

  /** Takes out the next part of those that are due. What was sent in vain goes apart from the others, in smaller and smaller parts. */
  takePart(now: number): Entry<R>[] {
    const first = this.#entries.find(({ dueAt }) => dueAt <= now);
    if (first === undefined) return [];
    const isFirstTry = first.tries === 0;
    const due = this.#entries.filter(({ dueAt, tries }) => dueAt <= now && (tries === 0) === isFirstTry);
    const most = first.isAlone ? 1 : Math.max(1, Math.floor(this.#maxItems / 2 ** first.tries));
    const part = new Set(due.slice(0, fitting(due, most)));
    this.#entries = this.#entries.filter((entry) => !part.has(entry));
    return [...part];
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
