import type { Logger } from './logger.ts';

export interface LogReadsOptions {
  /** Reads to the end of the log. */
  read: () => Promise<void>;
  /** Whether anybody is there to read for. */
  isWanted: () => boolean;
  log: Logger;
}

/** Under load the log is read this often at most, in milliseconds: each read then brings more. */
const paceMs = 10;
const retryMs = 1_000;

/** When the end of the log is read: soon after a hint, but not too often; again after a failure; and one read at a time. */
export class LogReads {
  readonly #options: LogReadsOptions;
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #readAt = 0;
  #hinted = false;
  #failing = false;

  constructor(options: LogReadsOptions) {
    this.#options = options;
  }

  /** Somebody has committed changes: reads them soon. */
  hint(): void {
    if (!this.#options.isWanted()) return;
    this.#hinted = true;
    if (this.#reading !== undefined || this.#timer !== undefined) return;
    const waitMs = this.#readAt + paceMs - performance.now();
    if (waitMs <= 0) this.#readSoon();
    else this.#timer = setTimeout(() => this.#readSoon(), waitMs);
  }

  /** Reads what has been committed by now. @throws what the database says */
  advance(): Promise<void> {
    if (this.#reading === undefined) return this.#read();
    // The read under way may have begun before what the caller means: so the next one.
    this.#next ??= this.#reading.then(
      () => this.#readNext(),
      () => this.#readNext(),
    );
    return this.#next;
  }

  /** Nothing is to be read any more. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#hinted = false;
  }

  /** Resolves when nothing is being read. */
  async idle(): Promise<void> {
    while (this.#reading !== undefined || this.#next !== undefined) await Promise.allSettled([this.#reading, this.#next]);
  }

  #readSoon(): void {
    this.#timer = undefined;
    if (this.#reading === undefined && this.#options.isWanted()) this.#read().catch(() => {}); // told of, and tried again
  }

  #readNext(): Promise<void> {
    this.#next = undefined;
    return this.#reading ?? this.#read();
  }

  #read(): Promise<void> {
    this.rest();
    this.#readAt = performance.now();
    this.#reading = this.#options
      .read()
      .then(
        () => this.#noteSuccess(),
        (error: unknown) => this.#noteFailure(error),
      )
      .finally(() => {
        this.#reading = undefined;
        if (this.#hinted && this.#next === undefined) this.hint();
      });
    return this.#reading;
  }

  #noteSuccess(): void {
    if (this.#failing) this.#options.log.info({}, 'feeds go on: the audit trail can be read again');
    this.#failing = false;
  }

  #noteFailure(error: unknown): never {
    if (!this.#failing) this.#options.log.warn({ err: error }, 'the audit trail could not be read for feeds; they go on when it can');
    this.#failing = true;
    if (this.#options.isWanted()) this.#timer ??= setTimeout(() => this.#readSoon(), retryMs).unref();
    throw error;
  }
}
