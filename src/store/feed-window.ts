import type { LogEntry } from './log-entry.ts';
import type { LogPlace } from './log-place.ts';
import { isReached, isSamePoint, type LogPoint, logBeginning } from './log-point.ts';

/** A change, and the place in the log just after it: from there a feed goes on. */
export interface FeedEntry extends LogEntry {
  readonly place: LogPlace;
}

/** A piece of the newest end of the log. */
export interface FeedPage {
  readonly entries: readonly FeedEntry[];
  /** Where a reader stands who has read it all. */
  readonly end: LogPlace;
  /** The step that it begins, or undefined when it goes on with one. */
  readonly begins: LogPoint | undefined;
}

export interface WindowLimits {
  entries: number;
  bytes: number;
}

/** About what an entry takes without its texts, in bytes. */
const entrySize = 1_000;

/** The newest pages of the log, numbered, as many as the limits allow: all feeds read from here, each at its own place. */
export class FeedWindow {
  readonly #limits: WindowLimits;
  #pages: FeedPage[] = [];
  #first = 0;
  #entries = 0;
  #bytes = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** The number that the next page will have. */
  get next(): number {
    return this.#first + this.#pages.length;
  }

  add(page: FeedPage): void {
    this.#pages.push(page);
    this.#entries += page.entries.length;
    this.#bytes += sizeOf(page.entries);
    let excess = 0;
    while (excess < this.#pages.length && (this.#entries > this.#limits.entries || this.#bytes > this.#limits.bytes)) {
      const oldest = this.#pages[excess++] as FeedPage;
      this.#entries -= oldest.entries.length;
      this.#bytes -= sizeOf(oldest.entries);
    }
    if (excess > 0) this.#pages = this.#pages.slice(excess);
    this.#first += excess;
  }

  /** The page of a number; undefined when it has left the window, or has not come yet. */
  page(number: number): FeedPage | undefined {
    return number < this.#first ? undefined : this.#pages[number - this.#first];
  }

  /** The number of the page that begins at a point; undefined when that is none of this window. */
  numberFrom(point: LogPoint): number | undefined {
    const index = this.#pages.findLastIndex(({ begins }) => begins !== undefined && isSamePoint(begins, point));
    return index < 0 ? undefined : this.#first + index;
  }

  /** The first point after this one at which a page begins; undefined when the window begins after this point. */
  beginAfter(point: LogPoint): LogPoint | undefined {
    const oldest = this.#pages.find(({ begins }) => begins !== undefined)?.begins;
    if (oldest === undefined || !isReached(oldest, point)) return undefined;
    let [low, high] = [0, this.#pages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isReached(point, this.#beginOf(middle))) high = middle;
      else low = middle + 1;
    }
    return this.#pages.slice(low).find(({ begins }) => begins !== undefined)?.begins;
  }

  /** Where the step of a page begins; the beginning of the log where that has left the window. */
  #beginOf(index: number): LogPoint {
    for (let at = index; at >= 0; at--) {
      const begins = this.#pages[at]?.begins;
      if (begins !== undefined) return begins;
    }
    return logBeginning;
  }
}

/** About what entries take, in bytes. */
export const sizeOf = (entries: readonly FeedEntry[]): number =>
  entries.reduce(
    (size, { assessment: { message, errorMessage } }) => size + entrySize + 2 * ((message?.length ?? 0) + (errorMessage?.length ?? 0)),
    0,
  );
