import type { AssessmentKey } from './assessment.ts';
import { keyString } from './assessment.ts';
import type { Bus } from './bus.ts';
import type { Changes, KnownVersion } from './changes-since.ts';
import { NotFoundError, UnavailableError } from './errors.ts';
import type { Logger } from './logger.ts';
import { type DeliveryWay, noTelemetry, type StoreTelemetry } from './telemetry.ts';
import type { AssessmentUpdate } from './updates.ts';
import { Watch } from './watch.ts';
import type { WorkNotice } from './work.ts';

export interface HubOptions {
  /** What is newer in the database than is known here: see `changesSince`. */
  changesSince: (known: readonly KnownVersion[]) => Promise<Changes>;
  /** Carries updates to and from other processes; without it the hub serves this process alone. */
  bus?: Bus | undefined;
  /** How often to compare with the database what is watched, in milliseconds. Default 5,000. */
  reconcileMs?: number;
  telemetry?: StoreTelemetry;
  log: Logger;
}

/** Who wants to know of work that other processes tell of. */
export interface WorkListener {
  offer(work: readonly WorkNotice[]): void;
  /** Word of work may have been lost. */
  reconcile(): void;
}

/** Who reads the log of all changes, and wants to know when there is more. */
export interface ChangeListener {
  hint(): void;
  /** Reads what there is; true when it has, and has offered it to the watches. */
  catchUp(): Promise<boolean>;
}

/**
 * Brings every change to those who watch the assessment. The database is the truth and every message a hint: on each tick, after a
 * gap on the bus, and where an update suggests that one was missed, the hub reads what is newer than its watches know, in one
 * statement for all of them. Without watches it reads nothing.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #telemetry: StoreTelemetry;
  readonly #watches = new Map<string, Set<Watch>>();
  #timer: NodeJS.Timeout | undefined;
  #reconciling: Promise<number> | undefined;
  #again = false;
  /** Whether changes have passed that nobody offers, so that watches have to be compared with the database whoever reads the log. */
  #owed = false;
  #workListener: WorkListener | undefined;
  #changeListener: ChangeListener | undefined;
  #stopped = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#telemetry = options.telemetry ?? noTelemetry;
  }

  start(): void {
    this.#options.bus?.start({
      onUpdates: (updates) => this.#deliver(updates, 'bus'),
      onWork: (work) => this.#workListener?.offer(work),
      onChanges: () => this.#changeListener?.hint(),
      onGap: () => {
        this.#changeListener?.hint();
        this.#reconcileSoon();
        this.#workListener?.reconcile();
      },
    });
    this.#timer = setInterval(() => void this.#tick(), this.#options.reconcileMs ?? 5_000).unref();
  }

  /** Ends every watch with an UnavailableError, and takes no more; what is published still goes to the other processes. */
  endWatches(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const watches of [...this.#watches.values()]) for (const watch of [...watches]) watch.fail(stopping());
  }

  /** Ends every watch, then the bus. */
  async stop(): Promise<void> {
    this.endWatches();
    await this.#reconciling;
    await this.#options.bus?.stop();
  }

  /** How many watches there are. */
  get size(): number {
    let size = 0;
    for (const watches of this.#watches.values()) size += watches.size;
    return size;
  }

  /**
   * A new watch on an assessment, attached: whatever commits from now on reaches it. Read the assessment after this, then
   * `begin()` the watch with what was read; so nothing falls between the two. Always `return()` it in the end.
   */
  async attach(key: AssessmentKey): Promise<Watch> {
    if (this.#stopped) throw stopping();
    const name = keyString(key);
    const watch = new Watch(key, (ended) => this.#remove(name, ended));
    const watches = this.#watches.get(name);
    if (watches === undefined) this.#watches.set(name, new Set([watch]));
    else watches.add(watch);
    await this.#options.bus?.attach(name);
    return watch;
  }

  /** Delivers updates here and sends them to the other processes. Call it after the COMMIT. */
  publish(updates: readonly AssessmentUpdate[]): void {
    if (updates.length === 0) return;
    this.#deliver(updates, 'own');
    this.#options.bus?.publish(updates);
    this.#changeListener?.hint();
  }

  /** Delivers here what was read in the log of all changes. */
  offer(updates: readonly AssessmentUpdate[]): void {
    if (this.#watches.size === 0) return;
    // Without their places in the log: to who watches one assessment an update is the same wherever it comes from.
    this.#deliver(
      updates.map(({ kind, previousState, assessment }) => ({ kind, previousState, assessment })),
      'log',
    );
  }

  /** Compares all that is watched with the database, now and on every tick until that has been done: changes have passed that nobody offers. */
  reconcile(): void {
    this.#owed = true;
    this.#reconcileSoon();
  }

  /** Tells of changes, by this process and by others, and on every tick. */
  listenForChanges(listener: ChangeListener): void {
    this.#changeListener = listener;
  }

  /** Hands what other processes tell of work to the queue. */
  listenForWork(listener: WorkListener): void {
    this.#workListener = listener;
  }

  /** Tells the other processes of work. Call it after the COMMIT. */
  publishWork(work: readonly WorkNotice[]): void {
    this.#options.bus?.publishWork(work);
  }

  /** Compares all that is watched with the database; gives the number of updates found. */
  async runOnce(): Promise<number> {
    const known = [...this.#watches.values()].flatMap(knownVersions);
    this.#owed &&= this.#haveNotBegun(); // those may begin with what was read too early
    if (known.length === 0) return 0;
    const { updates, gone } = await this.#options.changesSince(known).catch((error: unknown) => {
      this.#owed = true;
      throw error;
    });
    // Oldest first: watches of one assessment may know different versions, and the one behind must meet its end before what came later.
    for (const update of updates.sort((a, b) => a.assessment.version - b.assessment.version)) this.#offer(update, 'reconcile');
    for (const key of gone) for (const watch of this.#watchesOf(key)) watch.fail(new NotFoundError(key.assessmentId));
    return updates.length;
  }

  #deliver(updates: readonly AssessmentUpdate[], way: DeliveryWay): void {
    for (const update of updates) {
      const watches = this.#watches.get(keyString(update.assessment));
      if (watches === undefined) continue;
      if ([...watches].some((watch) => watch.mayHaveMissedAnEnd(update))) this.#reconcileSoon();
      else this.#offer(update, way);
    }
  }

  /** What a reader of the log has read has reached the watches too: one query is enough for both. */
  async #tick(): Promise<void> {
    const told = this.#changeListener !== undefined && (await this.#changeListener.catchUp());
    if (!told || this.#owed) this.#reconcileSoon();
  }

  #haveNotBegun(): boolean {
    for (const watches of this.#watches.values()) for (const { version } of watches) if (version === undefined) return true;
    return false;
  }

  #offer(update: AssessmentUpdate, way: DeliveryWay): void {
    let reached = false;
    for (const watch of this.#watchesOf(update.assessment)) {
      const taken = watch.offer(update);
      reached ||= taken !== 'ignored';
      if (taken === 'conflated') this.#telemetry.conflated();
    }
    if (reached) this.#telemetry.delivered(way, Date.now() - update.assessment.updatedAt.getTime());
  }

  /** A copy: a watch that ends leaves the set while it is gone through. */
  #watchesOf(key: AssessmentKey): Watch[] {
    return [...(this.#watches.get(keyString(key)) ?? [])];
  }

  #reconcileSoon(): void {
    this.#again = this.#reconciling !== undefined;
    if (this.#again || this.#stopped) return;
    this.#reconciling = this.runOnce()
      .catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'watched assessments could not be compared with the database; the next tick tries again');
        return 0;
      })
      .finally(() => {
        this.#reconciling = undefined;
        if (this.#again) this.#reconcileSoon();
      });
  }

  #remove(name: string, watch: Watch): void {
    const watches = this.#watches.get(name);
    if (watches?.delete(watch) !== true) return;
    if (watches.size === 0) this.#watches.delete(name);
    this.#options.bus?.detach(name);
  }
}

const stopping = (): UnavailableError =>
  new UnavailableError('OVERLOADED', 'The service is stopping; ask again, another instance will answer.', 1_000);

/** What the watches of one assessment know, each version once. Those that have not begun will read for themselves. */
function knownVersions(watches: ReadonlySet<Watch>): KnownVersion[] {
  const known = new Map<number, KnownVersion>();
  for (const { version, key } of watches) if (version !== undefined) known.set(version, { ...key, version });
  return [...known.values()];
}
