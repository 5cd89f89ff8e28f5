import type { Database } from './database.ts';
import { CursorExpiredError, UnavailableError } from './errors.ts';
import { FeedFilter } from './feed-filter.ts';
import { type FeedEntry, FeedWindow } from './feed-window.ts';
import type { AssessmentFilter } from './filter.ts';
import type { ChangeListener } from './hub.ts';
import { beginningOf, type LogPlace } from './log-place.ts';
import { horizonOf, isSamePoint, type LogPoint } from './log-point.ts';
import type { Logger } from './logger.ts';
import { enterLog, firstSeqOf, type LogEntry, type LogEpoch, type LogPage, type LogState, readFresh, readLog } from './read-log.ts';
import { Slots } from './slots.ts';

export interface FeedLogOptions {
  db: Database;
  log: Logger;
  /** Begins and ends to be told of changes that other processes make. */
  bus?: { attachChanges(): Promise<void>; detachChanges(): void } | undefined;
  /** Told of every change that is read at the end of the log, in order. */
  onEntries: (entries: readonly LogEntry[]) => void;
  /** How many changes are kept in memory for feeds that read slower than they come. */
  windowEntries: number;
}

/** What the log tells its feeds. */
export interface FeedListener {
  /** There may be more to read. */
  more(): void;
  fail(error: Error): void;
}

/** What the kept changes may take, in bytes, whatever their number. */
const windowBytes = 32 * 1024 * 1024;
/** Under load the end of the log is read this often at most, in milliseconds: each read then brings more. */
const paceMs = 10;
const retryMs = 1_000;
/** How many feeds of this process may read from the database at a time, so that a thousand that come back together do not take all connections. */
const replaysAtOnce = 3;
/** How many changes of a replay are read at a time. */
const replaySize = 200;

/**
 * The end of the audit trail, read once for all feeds of this process: what commits is read in commit order as soon as somebody tells of
 * it, and on every tick of the hub; nothing is read while there are no feeds. The newest changes stay in memory, in one window for all;
 * a feed that falls behind it reads from the database at its own speed.
 */
export class FeedLog implements ChangeListener {
  readonly #options: FeedLogOptions;
  readonly #listeners = new Set<FeedListener>();
  readonly #filters = new Map<string, { filter: FeedFilter<FeedEntry>; users: number }>();
  readonly #replays = new Slots(replaysAtOnce);
  #entered: Promise<void> | undefined;
  #epoch: LogEpoch | undefined;
  #point: LogPoint | undefined;
  #window: FeedWindow;
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #readAt = 0;
  #behind = false;
  /** Whether the window ends in the middle of a step. */
  #inStep = false;
  #cutSeq: bigint | undefined;
  #failing = false;
  #stopped = false;

  constructor(options: FeedLogOptions) {
    this.#options = options;
    this.#window = this.#emptyWindow();
  }

  /** Whether there are feeds. */
  get active(): boolean {
    return this.#listeners.size > 0;
  }

  /** How many feeds there are. */
  get size(): number {
    return this.#listeners.size;
  }

  get window(): FeedWindow {
    return this.#window;
  }

  /** The point that the window ends at. */
  get point(): LogPoint {
    if (this.#point === undefined) throw new Error('the log has not been entered');
    return this.#point;
  }

  /**
   * Begins to read for a feed; resolves when everything that had been committed by the time of the call has been read. Leave it in the end.
   * @throws UnavailableError when the store stops; what the database says when it cannot be read.
   */
  async join(listener: FeedListener): Promise<void> {
    if (this.#stopped) throw stopping();
    this.#listeners.add(listener);
    try {
      const first = this.#entered === undefined;
      this.#entered ??= this.#enter();
      await this.#entered;
      if (!first) await this.advance();
      if (this.#stopped) throw stopping();
    } catch (error) {
      this.leave(listener);
      throw error;
    }
  }

  leave(listener: FeedListener): void {
    if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#rest();
  }

  /** The filter of a tenant's feed, shared by those who ask for the same; release it in the end. @throws InvalidInputError */
  filter(tenantId: string, where: AssessmentFilter): { filter: FeedFilter<FeedEntry>; release: () => void } {
    const name = `${tenantId}\0${JSON.stringify(where)}`;
    const known = this.#filters.get(name) ?? { filter: new FeedFilter<FeedEntry>(tenantId, where), users: 0 };
    known.users++;
    this.#filters.set(name, known);
    const release = (): void => {
      if (--known.users === 0) this.#filters.delete(name);
    };
    return { filter: known.filter, release };
  }

  /** Somebody has committed changes: reads them soon. */
  hint(): void {
    if (!this.active || this.#point === undefined) return;
    this.#behind = true;
    if (this.#reading !== undefined || this.#timer !== undefined) return;
    const wait = this.#readAt + paceMs - performance.now();
    if (wait <= 0) this.#readSoon();
    else this.#timer = setTimeout(() => this.#readSoon(), wait);
  }

  /** Reads what has been committed by now, and resolves when it is there for the feeds. @throws what the database says */
  async advance(): Promise<void> {
    if (this.#reading === undefined) return this.#read();
    // The read under way may have begun before what the caller means: so the next one.
    this.#next ??= this.#reading.then(
      () => this.#readNext(),
      () => this.#readNext(),
    );
    return this.#next;
  }

  /** Reads what there is; false when it could not, nobody reads, or something was deleted, which those who watch learn otherwise. */
  async catchUp(): Promise<boolean> {
    if (this.#point === undefined) return false;
    const cut = this.#cutSeq;
    try {
      await this.advance();
      return this.#cutSeq === cut;
    } catch {
      return false;
    }
  }

  /** A page of a replay: what follows a place within its step, for one tenant. */
  async replay(place: LogPlace, tenantId: string): Promise<LogPage> {
    const epoch = this.#epochOf(place);
    const page = await this.#replays.run(() => readLog(this.#options.db, place, epoch.firstSeq, tenantId, replaySize));
    this.#refuseLost(place, page.state);
    return page;
  }

  /**
   * How a feed goes on that has read a step to its end: at a page of the window, or by the step that leads to the newest point. Undefined
   * while that is not known yet: `more` follows.
   */
  async after({ epoch, to }: LogPlace): Promise<{ page: number } | { step: LogPlace } | undefined> {
    const page = this.#window.numberFrom(to) ?? (to === this.point && !this.#inStep ? this.#window.next : undefined);
    if (page !== undefined) return { page };
    if (isSamePoint(to, this.point)) return this.#inStep ? undefined : { page: this.#window.next };
    const [current, newest] = [this.#epochOf({ epoch }), this.point];
    return { step: { epoch, from: to, to: newest, seq: await this.#replays.run(() => firstSeqOf(this.#options.db, current, to)) } };
  }

  /** Now, or the beginning of all that there is. @throws CursorExpiredError for a place of another history */
  startAt(place: LogPlace | undefined | 'now'): LogPlace {
    const { epoch } = this.#current();
    if (place === 'now') return { epoch, from: this.point, to: this.point, seq: 0n };
    if (place === undefined) return beginningOf(epoch, this.point);
    this.#epochOf(place);
    return place;
  }

  /** The place that has been reached now; read from the database, whether there are feeds or not. */
  async now(): Promise<LogPlace> {
    const { epoch, now } = await enterLog(this.#options.db);
    return { epoch: epoch.epoch, from: now, to: now, seq: 0n };
  }

  /** Ends every feed with an UnavailableError and takes no more. */
  endFeeds(): void {
    this.#stopped = true;
    this.#failAll(stopping());
  }

  async stop(): Promise<void> {
    this.endFeeds();
    await Promise.allSettled([this.#reading, this.#entered]);
  }

  #emptyWindow(): FeedWindow {
    return new FeedWindow({ entries: this.#options.windowEntries, bytes: windowBytes });
  }

  async #enter(): Promise<void> {
    try {
      await this.#options.bus?.attachChanges();
      const { epoch, now } = await enterLog(this.#options.db);
      this.#epoch = epoch;
      this.#point = now;
    } catch (error) {
      this.#entered = undefined;
      this.#options.bus?.detachChanges();
      throw error;
    }
  }

  /** Nobody reads any more. */
  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entered = this.#entered;
    this.#entered = undefined;
    this.#epoch = undefined;
    this.#point = undefined;
    this.#behind = false;
    this.#inStep = false;
    this.#window = this.#emptyWindow();
    entered?.then(() => this.#options.bus?.detachChanges()).catch(() => {});
  }

  #readSoon(): void {
    this.#timer = undefined;
    if (this.#reading !== undefined || this.#point === undefined) return;
    this.#read().catch(() => {}); // told of, and tried again
  }

  #readNext(): Promise<void> {
    this.#next = undefined;
    return this.#reading ?? this.#read();
  }

  #read(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#behind = false;
    this.#readAt = performance.now();
    this.#reading = this.#readToEnd()
      .then(
        () => {
          if (this.#failing) this.#options.log.info({}, 'feeds go on: the audit trail can be read again');
          this.#failing = false;
        },
        (error: unknown) => {
          if (!this.#failing) this.#options.log.warn({ err: error }, 'the audit trail could not be read for feeds; they go on when it can');
          this.#failing = true;
          if (this.active && this.#timer === undefined) this.#timer = setTimeout(() => this.#readSoon(), retryMs).unref();
          throw error;
        },
      )
      .finally(() => {
        this.#reading = undefined;
        if (this.#behind && this.#next === undefined) this.hint();
      });
    return this.#reading;
  }

  async #readToEnd(): Promise<void> {
    const [epoch, from] = [this.#epoch, this.#point];
    if (epoch === undefined || from === undefined) return;
    const fresh = await readFresh(this.#options.db, epoch, from);
    if (this.#epoch !== epoch) return; // nobody reads any more, or others do
    const start: LogPlace = { epoch: epoch.epoch, from, to: fresh.to, seq: 0n };
    if (!this.#isWhole(start, fresh.state) || fresh.entries.length === 0) return;
    let last = this.#add(start, fresh.entries, fresh.complete, true);
    for (let complete = fresh.complete; !complete; ) {
      const page: LogPage = await readLog(this.#options.db, last, epoch.firstSeq, undefined, replaySize * 5);
      if (this.#epoch !== epoch || !this.#isWhole(last, page.state)) return;
      complete = page.complete;
      last = this.#add({ ...last, seq: page.seq }, page.entries, complete, false);
    }
  }

  /** Puts a piece of a step at the end of the window; gives the place after it. */
  #add(place: LogPlace, entries: readonly LogEntry[], complete: boolean, first: boolean): LogPlace {
    const placed: FeedEntry[] = entries.map((entry) => ({ ...entry, place: { ...place, seq: entry.seq } }));
    const after = { ...place, seq: entries.at(-1)?.seq ?? place.seq };
    this.#window.add({
      entries: placed,
      end: complete ? { ...place, from: place.to, seq: 0n } : after,
      begins: first ? place.from : undefined,
      reaches: complete ? place.to : undefined,
    });
    this.#inStep = !complete;
    if (complete) this.#point = place.to;
    this.#options.onEntries(placed);
    for (const listener of [...this.#listeners]) listener.more();
    return after;
  }

  /** Whether nothing between a place and the end of the log has been lost; if it has, every feed here ends. */
  #isWhole(place: LogPlace, state: LogState): boolean {
    try {
      this.#refuseLost(place, state);
      return true;
    } catch (error) {
      this.#failAll(error as Error);
      return false;
    }
  }

  #refuseLost({ from, to, seq }: LogPlace, { history, cut }: LogState): void {
    this.#cutSeq = cut?.seq;
    if (history !== this.#epoch?.history) throw new CursorExpiredError(otherHistory);
    if (cut === undefined || from.xmax === 0n || cut.txid < horizonOf(from)) return;
    if (cut.seq <= seq && cut.txid < horizonOf(to)) return;
    throw new CursorExpiredError();
  }

  #epochOf({ epoch }: Pick<LogPlace, 'epoch'>): LogEpoch {
    const current = this.#current();
    if (epoch !== current.epoch) throw new CursorExpiredError(otherHistory);
    return current;
  }

  #current(): LogEpoch {
    if (this.#epoch === undefined) throw new Error('the log has not been entered');
    return this.#epoch;
  }

  #failAll(error: Error): void {
    for (const listener of [...this.#listeners]) listener.fail(error);
  }
}

const otherHistory = 'the database has been restored or has failed over since';
const stopping = (): UnavailableError =>
  new UnavailableError('OVERLOADED', 'The service is stopping; ask again, another instance will answer.', 1_000);
