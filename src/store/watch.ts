import type { Assessment, AssessmentKey } from './assessment.ts';
import { isTerminal } from './lifecycle.ts';
import type { UpdateSource } from './update-source.ts';
import { type AssessmentUpdate, snapshotOf } from './updates.ts';

type Result = IteratorResult<AssessmentUpdate, undefined>;

/**
 * One reader of one assessment's updates. It keeps at most the state it begins with and the newest update after that, so a slow
 * reader costs two places, however much happens; what it reads is in order of versions, and the first terminal update is its last.
 *
 * Read by hand with `next()`, with `for await`, or as an UpdateSource; `return()` takes effect at once, also while a `next()` is waiting.
 */
export class Watch implements UpdateSource, AsyncIterableIterator<AssessmentUpdate, undefined> {
  readonly key: AssessmentKey;
  #version = 0;
  #retryCount = 0;
  #begun = false;
  #snapshot: AssessmentUpdate | undefined;
  #pending: AssessmentUpdate | undefined;
  /** Before the beginning: the first end that was offered, which a later update must not hide. Whether it counts, begin() decides. */
  #offeredEnd: AssessmentUpdate | undefined;
  #onReady: (() => void) | undefined;
  #waiting: { resolve: (result: Result) => void; reject: (error: unknown) => void } | undefined;
  #ended = false;
  #error: Error | undefined;
  readonly #detach: (watch: Watch) => void;

  constructor(key: AssessmentKey, detach: (watch: Watch) => void) {
    this.key = key;
    this.#detach = detach;
  }

  /** The newest version that was taken for reading, or the one that it began with; undefined before the beginning. */
  get version(): number | undefined {
    return this.#begun ? this.#version : undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get error(): Error | undefined {
    return this.#error;
  }

  /** Whether an end (FAILED, then retried) may lie between what was taken and this update, so that offering it would hide the end. */
  mayHaveMissedAnEnd({ assessment }: AssessmentUpdate): boolean {
    if (!this.#begun || isTerminal(assessment.state)) return false;
    return assessment.version > this.#version + 1 && assessment.retryCount > this.#retryCount;
  }

  /**
   * Begins with the assessment as it was read after the watch was attached. Without `afterVersion`, or when that is older, the
   * first update is a SNAPSHOT; what the hub offered before and is not newer is dropped.
   */
  begin(assessment: Assessment, afterVersion?: number): void {
    const offered = [this.#offeredEnd, this.#pending];
    this.#offeredEnd = undefined;
    this.#pending = undefined;
    this.#begun = true;
    this.#version = assessment.version;
    this.#retryCount = assessment.retryCount;
    if (afterVersion === undefined || afterVersion < assessment.version) this.#snapshot = snapshotOf(assessment);
    if (isTerminal(assessment.state)) this.#end();
    for (const update of offered) if (update !== undefined) this.offer(update);
    this.#wake();
  }

  /** Takes an update, unless it is not newer than what was taken before; whether it did, and whether it has replaced one that nobody has read. */
  offer(update: AssessmentUpdate): 'ignored' | 'taken' | 'conflated' {
    const { version, state } = update.assessment;
    if (this.#ended || version <= this.#version) return 'ignored';
    if (!this.#begun) {
      this.#keepForBeginning(update);
      return 'taken';
    }
    const taken = this.#pending === undefined ? 'taken' : 'conflated';
    this.#pending = update;
    this.#version = version;
    this.#retryCount = update.assessment.retryCount;
    if (isTerminal(state)) this.#end();
    this.#wake();
    return taken;
  }

  /** Ends the watch with an error, after what is pending has been read. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error = error;
    this.#end();
    this.#wake();
  }

  take(most: number): readonly AssessmentUpdate[] {
    const taken: AssessmentUpdate[] = [];
    while (taken.length < most) {
      const update = this.#takeOne();
      if (update === undefined) break;
      taken.push(update);
    }
    return taken;
  }

  whenReady(callback: () => void): void {
    if (this.#hasMore) callback();
    else this.#onReady = callback;
  }

  /** It holds nothing that could be had again. */
  rest(): void {}

  next(): Promise<Result> {
    if (this.#hasMore) return this.#result();
    if (this.#waiting !== undefined) return Promise.reject(new Error('a watch has one reader: next() is waiting already'));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<Result> {
    this.#snapshot = undefined;
    this.#pending = undefined;
    this.#error = undefined;
    this.#end();
    this.#wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<Result> {
    void this.return();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #keepForBeginning(update: AssessmentUpdate): void {
    const { version, state } = update.assessment;
    if (isTerminal(state)) this.#offeredEnd ??= update;
    if (this.#pending === undefined || version > this.#pending.assessment.version) this.#pending = update;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#detach(this);
  }

  /** Whether there is an update, or the end, to be told of. */
  get #hasMore(): boolean {
    return this.#ended || (this.#begun && (this.#snapshot ?? this.#pending) !== undefined);
  }

  #takeOne(): AssessmentUpdate | undefined {
    const update = this.#snapshot ?? this.#pending;
    if (this.#snapshot !== undefined) this.#snapshot = undefined;
    else this.#pending = undefined;
    return update;
  }

  /** What an iterator gives next; it throws once, and is done. */
  #result(): Promise<Result> {
    const value = this.#takeOne();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  #wake(): void {
    if (!this.#hasMore) return;
    const [callback, waiting] = [this.#onReady, this.#waiting];
    this.#onReady = undefined;
    this.#waiting = undefined;
    callback?.();
    if (waiting !== undefined) this.#result().then(waiting.resolve, waiting.reject);
  }
}
