import type { Database } from './database.ts';
import { CursorExpiredError, UnavailableError } from './errors.ts';
import { FeedFilters } from './feed-filter.ts';
import { type FeedEntry, FeedWindow } from './feed-window.ts';
import type { ChangeListener } from './hub.ts';
import type { LogEntry } from './log-entry.ts';
import { enterLog, type LogEpoch } from './log-epoch.ts';
import { beginningOf, endOfStep, type LogPlace, stepFrom } from './log-place.ts';
import { isReached, isSamePoint, type LogPoint } from './log-point.ts';
import { LogReads } from './log-reads.ts';
import { LogStages } from './log-stages.ts';
import { isLost, type LogState } from './log-state.ts';
import type { Logger } from './logger.ts';
import { type LogPage, readFresh, readStep } from './read-log.ts';
import { ReplayPages } from './replay-pages.ts';
import { Slots } from './slots.ts';
import { noTelemetry, type StoreTelemetry } from './telemetry.ts';

export interface FeedLogOptions {
  db: Database;
  log: Logger;
  /** Begins and ends to be told of changes that other processes make. */
  bus?: { attachChanges(): Promise<void>; detachChanges(): void } | undefined;
  /** Told of every change that is read at the end of the log, in order; and to compare by itself where changes have passed unread. */
  hub: { offer(entries: readonly LogEntry[]): void; reconcile(): void };
  /** How many changes are kept in memory for feeds that read slower than they come. */
  windowEntries: number;
  telemetry?: StoreTelemetry;
}

/** What the log tells its feeds. */
export interface FeedListener {
  readonly tenantId: string;
  /** There may be more to read. */
  more(): void;
  fail(error: Error): void;
}

/** A piece of a replay. */
export interface Replayed {
  readonly entries: readonly FeedEntry[];
  /** Where a reader stands who has read it all. */
  readonly end: LogPlace;
  /** Whether its step is a large one: to be told when the replay goes on. */
  readonly isLarge: boolean;
}

/** How far the log has been read. */
interface Position {
  readonly epoch: LogEpoch;
  point: LogPoint;
  /** Where it has been read to beyond the point, in a step that is not complete. */
  step: LogPlace | undefined;
  /** The next transaction of the database at the last read. */
  nextTxid: bigint;
}

/** What the kept changes may take, in bytes, whatever their number. */
const windowBytes = 32 * 1024 * 1024;
/** How many changes are read at a time at the end of the log, and in a replay. */
const pageSize = 1_000;
const replaySize = 200;
/** How many feeds of this process may read from the database at a time, so that a thousand that come back together do not take all connections; the tenants take turns. */
const replaysAtOnce = 3;

/**
 * The end of the audit trail, read once for all feeds of this process: what commits is read in commit order as soon as somebody tells of
 * it, and on every tick of the hub; nothing is read while there are no feeds. The newest changes stay in memory, in one window for all;
 * a feed that falls behind it reads from the database at its own speed.
 */
export class FeedLog implements ChangeListener {
  readonly filters = new FeedFilters<FeedEntry>();
  readonly telemetry: StoreTelemetry;
  readonly #options: FeedLogOptions;
  readonly #listeners = new Set<FeedListener>();
  readonly #replays = new Slots(replaysAtOnce);
  readonly #reads: LogReads;
  readonly #pages = new ReplayPages();
  readonly #stages = new LogStages();
  #joining = 0;
  #entering: Promise<void> | undefined;
  #isAttached = false;
  /** Whether there was a hint while the log was being entered. */
  #isHinted = false;
  #position: Position | undefined;
  #window: FeedWindow;
  #stopped = false;

  constructor(options: FeedLogOptions) {
    this.#options = options;
    this.telemetry = options.telemetry ?? noTelemetry;
    this.#window = this.#emptyWindow();
    this.#reads = new LogReads({ read: () => this.#readToEnd(), isWanted: () => this.#position !== undefined, log: options.log });
  }

  /** How many feeds there are. */
  get size(): number {
    return this.#listeners.size;
  }

  get window(): FeedWindow {
    return this.#window;
  }

  /**
   * Begins to read for a feed, and gives the place that it begins at: after a cursor's, now, or before all that there is (undefined). Everything
   * that had been committed by the time of the call has been read by then. Leave it in the end.
   * @throws CursorExpiredError; UnavailableError when the store stops; what the database says when it cannot be read.
   */
  async join(listener: FeedListener, after: LogPlace | undefined | 'now'): Promise<LogPlace> {
    this.#joining++;
    try {
      const place = startAt(await this.#reachNow(), after, this.#stages);
      this.#listeners.add(listener);
      return place;
    } finally {
      this.#joining--;
      this.#restWhenIdle();
    }
  }

  leave(listener: FeedListener): void {
    if (this.#listeners.delete(listener)) this.#restWhenIdle();
  }

  /** Somebody has committed changes: reads them soon. */
  hint(): void {
    this.#isHinted = this.#position === undefined;
    this.#reads.hint();
  }

  /** Reads what there is; false when it could not, or nobody reads. */
  async catchUp(): Promise<boolean> {
    const at = this.#position;
    if (at === undefined) return false;
    return this.#reads.advance().then(
      () => this.#position === at,
      () => false,
    );
  }

  /** A page of a replay: what follows a place within its step, for one tenant. @throws CursorExpiredError, what the database says */
  async replay(place: LogPlace, tenantId: string, isLarge: boolean): Promise<Replayed> {
    const { epoch } = this.#positionOf(place);
    return this.#pages.read(place, tenantId, () => this.#readPage(epoch, place, tenantId, isLarge));
  }

  async #readPage(epoch: LogEpoch, place: LogPlace, tenantId: string, isLarge: boolean): Promise<Replayed> {
    const page = await this.#replays.run(() => readStep(this.#options.db, epoch, place, tenantId, replaySize, isLarge), tenantId);
    this.telemetry.replayed(page.entries.length);
    if (page.state.history !== epoch.history) throw new CursorExpiredError(otherHistory);
    if (page.state.cuts.some((cut) => isLost(cut, place, page.state.snapshot))) throw new CursorExpiredError();
    return { entries: placed(page.entries, place), end: endOf(page, place), isLarge: page.isLarge };
  }

  /**
   * How a feed goes on that has read a step to its end: at a page of the window, or by the step that leads there, or to the next stage on
   * the way, or to the newest point. Undefined while that is not known yet: `more` follows.
   */
  after(place: LogPlace): { page: number } | { step: LogPlace } | undefined {
    const { point, step } = this.#positionOf(place);
    const page = this.#window.numberFrom(place.to);
    if (page !== undefined) return { page };
    if (isSamePoint(place.to, point)) return step === undefined ? { page: this.#window.next } : undefined;
    if (!isReached(place.to, point)) return undefined;
    const next = this.#window.beginAfter(place.to) ?? this.#stages.next(place.to) ?? point;
    return { step: stepFrom(place.epoch, place.to, next) };
  }

  /** The place that has been reached now; read from the database, whether there are feeds or not. */
  async now(): Promise<LogPlace> {
    const { epoch, now } = await enterLog(this.#options.db);
    return stepFrom(epoch.epoch, now, now);
  }

  /** Ends every feed with an UnavailableError and takes no more. */
  endFeeds(): void {
    this.#stopped = true;
    this.#fail([...this.#listeners], stopping());
  }

  async stop(): Promise<void> {
    this.endFeeds();
    await Promise.allSettled([this.#entering, this.#reads.idle()]);
  }

  #emptyWindow(): FeedWindow {
    return new FeedWindow({ entries: this.#options.windowEntries, bytes: windowBytes });
  }

  async #reachNow(): Promise<Position> {
    for (;;) {
      if (this.#stopped) throw stopping();
      const isFirst = this.#entering === undefined;
      this.#entering ??= this.#enter();
      await this.#entering;
      if (!isFirst) await this.#reads.advance();
      if (this.#stopped) throw stopping();
      if (this.#position !== undefined) return this.#position; // otherwise the database has another history by now
    }
  }

  async #enter(): Promise<void> {
    try {
      await this.#attach();
      this.#isHinted = false;
      const { epoch, now, snapshot } = await enterLog(this.#options.db);
      this.#position = { epoch, point: now, step: undefined, nextTxid: snapshot.xmax };
      if (this.#isHinted) this.hint();
      this.#options.hub.reconcile(); // what was lost before is not read here
    } catch (error) {
      this.#entering = undefined;
      throw error;
    }
  }

  async #attach(): Promise<void> {
    if (this.#isAttached) return;
    this.#isAttached = true;
    await this.#options.bus?.attachChanges();
  }

  #restWhenIdle(): void {
    if (this.#listeners.size > 0 || this.#joining > 0) return;
    this.#forget();
    if (this.#isAttached) this.#options.bus?.detachChanges();
    this.#isAttached = false;
  }

  #forget(): void {
    this.#entering = undefined;
    this.#position = undefined;
    this.#window = this.#emptyWindow();
    this.#pages.clear();
    this.#stages.clear();
    this.#reads.rest();
  }

  async #readToEnd(): Promise<void> {
    const at = this.#position;
    if (at === undefined) return;
    await this.#finishStep(at); // a read may have failed in its middle
    if (this.#position !== at) return;
    const fresh = await readFresh(this.#options.db, at.epoch, at.point, pageSize);
    this.#take(at, stepFrom(at.epoch.epoch, at.point, fresh.to), fresh, at.point);
    await this.#finishStep(at);
  }

  async #finishStep(at: Position): Promise<void> {
    let isLarge = false;
    while (at.step !== undefined && this.#position === at) {
      const page = await readStep(this.#options.db, at.epoch, at.step, undefined, pageSize, isLarge);
      isLarge = page.isLarge;
      this.#take(at, at.step, page, undefined);
    }
  }

  /** Puts what was read at the end of the window, unless nobody reads any more, or others do. */
  #take(at: Position, place: LogPlace, page: LogPage, begins: LogPoint | undefined): void {
    if (this.#position !== at) return;
    this.#judge(at, place, page.state);
    if (this.#position !== at) return;
    const entries = placed(page.entries, place);
    const hasMoved = page.complete && !isSamePoint(place.to, at.point);
    if (page.state.cuts.length > 0) this.#stages.clear();
    else this.#stages.pass(begins, entries.length);
    if (hasMoved) at.point = place.to;
    at.step = page.complete ? undefined : { ...place, seq: page.seq };
    at.nextTxid = page.state.snapshot.xmax;
    if (entries.length > 0) {
      this.#window.add({ entries, end: endOf(page, place), begins });
      this.#options.hub.offer(entries);
      this.telemetry.fed(entries.length, Date.now() - (entries.at(-1)?.assessment.updatedAt.getTime() ?? Date.now()));
    }
    if (entries.length > 0 || hasMoved) for (const listener of [...this.#listeners]) listener.more();
  }

  /** Ends the feeds for whom the log has a gap between what was read and now. */
  #judge({ epoch }: Position, place: LogPlace, { history, cuts, snapshot }: LogState): void {
    const listeners = [...this.#listeners];
    if (history !== epoch.history) {
      this.#forget();
      this.#fail(listeners, new CursorExpiredError(otherHistory));
      return;
    }
    const lost = new Set(cuts.filter((cut) => isLost(cut, place, snapshot)).map(({ tenantId }) => tenantId));
    const losers = listeners.filter(({ tenantId }) => lost.has(tenantId));
    this.#fail(losers, new CursorExpiredError());
    if (cuts.length > 0) this.#options.hub.reconcile(); // who watches what is gone hears nothing from here
  }

  #positionOf({ epoch }: LogPlace): Position {
    const at = this.#position;
    if (at?.epoch.epoch !== epoch) throw new CursorExpiredError(otherHistory);
    return at;
  }

  #fail(listeners: readonly FeedListener[], error: Error): void {
    for (const listener of listeners) listener.fail(error);
  }
}

/** @throws CursorExpiredError for a place of another history */
function startAt({ epoch, point, nextTxid }: Position, after: LogPlace | undefined | 'now', stages: LogStages): LogPlace {
  if (after === undefined) return beginningOf(epoch.epoch, stages.first(point));
  if (after === 'now') return stepFrom(epoch.epoch, point, point);
  // A point that this database has never reached comes from a history that it has lost, without a failover that would tell.
  if (after.epoch !== epoch.epoch || after.to.xmax > nextTxid) throw new CursorExpiredError(otherHistory);
  return after;
}

const placed = (entries: readonly LogEntry[], place: LogPlace): FeedEntry[] =>
  entries.map((entry) => ({ ...entry, place: { ...place, seq: entry.seq } }));

const endOf = ({ complete, seq }: LogPage, place: LogPlace): LogPlace => (complete ? endOfStep(place) : { ...place, seq });

const otherHistory = 'the database has been restored or has failed over since';
const stopping = (): UnavailableError =>
  new UnavailableError('OVERLOADED', 'The service is stopping; ask again, another instance will answer.', 1_000);
