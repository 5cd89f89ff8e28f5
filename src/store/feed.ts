import { CursorExpiredError } from './errors.ts';
import type { FeedFilter } from './feed-filter.ts';
import type { FeedListener, FeedLog } from './feed-log.ts';
import type { FeedEntry } from './feed-window.ts';
import type { AssessmentFilter } from './filter.ts';
import { decodePlace, type LogPlace } from './log-place.ts';
import { isSamePoint } from './log-point.ts';
import type { UpdateSource } from './update-source.ts';

export interface FeedAssessments {
  /** Which assessments; not given: all of the tenant. */
  where?: AssessmentFilter | null | undefined;
  /** The cursor of the last update that was seen; "0": everything that the log still holds; not given: from now on. */
  after?: string | null | undefined;
}

type Result = IteratorResult<FeedEntry, undefined>;

/** How long a replay waits before it reads again where the database did not answer, in milliseconds. */
const retryMs = 1_000;

/**
 * One reader of the log: every change that matches, in commit order, each exactly once. It keeps a place and no queue, so a slow reader
 * costs no more than a fast one: it reads from the window of the log while it keeps up, and from the database, at its own speed, when it
 * does not.
 */
export class Feed implements UpdateSource<FeedEntry>, FeedListener, AsyncIterableIterator<FeedEntry, undefined> {
  readonly tenantId: string;
  readonly #log: FeedLog;
  readonly #filter: FeedFilter<FeedEntry>;
  readonly #release: () => void;
  /** Just after what was taken last. */
  #place: LogPlace | undefined;
  /** Where in the window it reads; undefined while it replays. */
  #live: { page: number; index: number } | undefined;
  /** What a replay has read and nobody has taken yet, and the place after it. */
  #replayed: { entries: readonly FeedEntry[]; taken: number; end: LogPlace } | undefined;
  /** Whether the step that is being replayed is a large one. */
  #isLarge = false;
  #replaying = false;
  #moreMeanwhile = false;
  #onReady: (() => void) | undefined;
  #reader: { resolve: (result: Result) => void; reject: (error: unknown) => void } | undefined;
  #ended = false;
  #error: Error | undefined;

  private constructor(log: FeedLog, where: AssessmentFilter, tenantId: string) {
    this.tenantId = tenantId;
    this.#log = log;
    const { filter, release } = log.filters.use(tenantId, where);
    this.#filter = filter;
    this.#release = release;
  }

  /**
   * A feed of a tenant's assessments.
   * @throws InvalidInputError naming `where` or `after`; CursorExpiredError; UnavailableError (the store stops).
   */
  static async open(log: FeedLog, { where, after }: FeedAssessments, tenantId: string): Promise<Feed> {
    const place = typeof after === 'string' ? decodePlace(after, 'after') : 'now';
    const feed = new Feed(log, where ?? {}, tenantId);
    try {
      feed.#place = await log.join(feed, place);
      if (place !== 'now') await feed.#replay(); // a cursor that leads nowhere is refused at once
      if (feed.#error !== undefined) throw feed.#error;
      return feed;
    } catch (error) {
      feed.#end(undefined);
      throw error;
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  get error(): Error | undefined {
    return this.#error;
  }

  take(most: number): readonly FeedEntry[] {
    if (this.#ended) return [];
    const taken = this.#live === undefined ? this.#takeReplayed(most) : this.#takeLive(most);
    if (taken.length === 0 && this.#live === undefined) void this.#replay();
    return taken;
  }

  whenReady(callback: () => void): void {
    if (this.#ended || this.#hasMore()) {
      callback();
      return;
    }
    this.#onReady = callback;
    if (this.#live === undefined) void this.#replay();
  }

  rest(): void {
    if (this.#replayed !== undefined && !this.#replaying) this.#replayed = undefined;
  }

  /** Told by the log. */
  more(): void {
    this.#moreMeanwhile = true;
    if (!this.#replaying) this.#wake();
  }

  /** Told by the log. */
  fail(error: Error): void {
    this.#end(error);
  }

  next(): Promise<Result> {
    const [value] = this.take(1);
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return this.#error === undefined ? Promise.resolve({ done: true, value: undefined }) : this.#throwOnce();
    if (this.#reader !== undefined) return Promise.reject(new Error('a feed has one reader: next() is waiting already'));
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  return(): Promise<Result> {
    this.#end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<Result> {
    this.#end(undefined);
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #takeLive(most: number): readonly FeedEntry[] {
    const taken: FeedEntry[] = [];
    while (this.#live !== undefined && taken.length < most) {
      const page = this.#log.window.page(this.#live.page);
      if (page === undefined) {
        if (this.#live.page < this.#log.window.next) this.#fallBack();
        break;
      }
      const matching = this.#filter.of(page.entries);
      const { index } = this.#live;
      const some = matching.slice(index, index + most - taken.length);
      taken.push(...some);
      const last = some.at(-1);
      if (last !== undefined) this.#place = last.place;
      this.#live.index += some.length;
      if (this.#live.index >= matching.length) {
        this.#live = { page: this.#live.page + 1, index: 0 };
        this.#place = page.end;
      }
    }
    return taken;
  }

  #fallBack(): void {
    this.#live = undefined;
    this.#log.telemetry.fellBack();
  }

  #takeReplayed(most: number): readonly FeedEntry[] {
    const replayed = this.#replayed;
    if (replayed === undefined) return [];
    const taken = replayed.entries.slice(replayed.taken, replayed.taken + most);
    replayed.taken += taken.length;
    this.#place = taken.at(-1)?.place ?? this.#place;
    if (replayed.taken === replayed.entries.length) {
      this.#place = replayed.end;
      this.#replayed = undefined;
    }
    return taken;
  }

  /** Reads on from the database until there is something to take, or the window of the log has been reached. */
  async #replay(): Promise<void> {
    if (this.#replaying || this.#replayed !== undefined) return;
    this.#replaying = true;
    try {
      while (this.#place !== undefined && !this.#ended && this.#live === undefined && this.#replayed === undefined) {
        this.#moreMeanwhile = false;
        if (!(await this.#replayPage(this.#place)) && !this.#moreMeanwhile) return;
      }
    } catch (error) {
      if (error instanceof CursorExpiredError) this.#end(error);
      else setTimeout(() => this.#wake(), retryMs).unref(); // the database is away: so is the reader's patience not
      return;
    } finally {
      this.#replaying = false;
    }
    this.#wake();
  }

  /** One piece of a replay; false when the log must be read on first. */
  async #replayPage(place: LogPlace): Promise<boolean> {
    if (isSamePoint(place.from, place.to)) return this.#goOn(place);
    const { entries, end, isLarge } = await this.#log.replay(place, this.tenantId, this.#isLarge);
    this.#isLarge = isLarge && !isSamePoint(end.from, end.to);
    const matching = this.#filter.of(entries);
    if (matching.length === 0) this.#place = end;
    else this.#replayed = { entries: matching, taken: 0, end };
    return true;
  }

  #goOn(place: LogPlace): boolean {
    const after = this.#log.after(place);
    if (after === undefined) return false;
    if ('page' in after) this.#live = { page: after.page, index: 0 };
    else this.#place = after.step;
    return true;
  }

  #hasMore(): boolean {
    return this.#live === undefined ? this.#replayed !== undefined : this.#live.page < this.#log.window.next;
  }

  #wake(): void {
    const callback = this.#onReady;
    this.#onReady = undefined;
    callback?.();
    this.#answerReader();
  }

  #answerReader(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const [value] = this.take(1);
    if (value === undefined && !this.#ended) return;
    this.#reader = undefined;
    if (value !== undefined) reader.resolve({ done: false, value });
    else if (this.#error === undefined) reader.resolve({ done: true, value: undefined });
    else this.#throwOnce().catch(reader.reject);
  }

  /** An iterator throws once, and is done. */
  #throwOnce(): Promise<never> {
    const error = this.#error;
    this.#error = undefined;
    return Promise.reject(error);
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#replayed = undefined;
    this.#log.leave(this);
    this.#release();
    this.#wake();
  }
}
