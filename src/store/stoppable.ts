type Result<Value> = IteratorResult<Value, undefined>;

/** What is read: opened by now or soon. */
export interface Source<Value> {
  next(): Promise<Result<Value>>;
  return(): unknown;
}

interface Reader<Value> {
  resolve: (result: Result<Value>) => void;
  reject: (reason: unknown) => void;
}

/**
 * An iterator over a source that is being opened, each value shown in another form. Unlike the source, it can be stopped from outside:
 * then whoever waits for the next value is told why at once.
 */
export class Stoppable<Value, Shown> implements AsyncIterableIterator<Shown, undefined> {
  readonly #source: Promise<Source<Value>>;
  readonly #show: (value: Value) => Shown;
  readonly #onEnd: () => void;
  #reader: Reader<Shown> | undefined;
  /** Why it was stopped, until somebody has been told. */
  #stopped: { reason: unknown } | undefined;
  #ended = false;

  constructor(source: Promise<Source<Value>>, show: (value: Value) => Shown, onEnd: () => void) {
    this.#source = source;
    this.#show = show;
    this.#onEnd = onEnd;
    source.catch(() => {}); // told by next()
  }

  /** Ends it; the reader is told the reason, once. */
  stop(reason: unknown): void {
    if (this.#ended) return;
    if (this.#reader === undefined) this.#stopped = { reason };
    this.#take()?.reject(reason);
    this.#end();
  }

  async next(): Promise<Result<Shown>> {
    const stopped = this.#stopped;
    this.#stopped = undefined;
    if (stopped !== undefined) throw stopped.reason;
    if (this.#ended) return { done: true, value: undefined };
    if (this.#reader !== undefined) throw new Error('it has one reader: next() is waiting already');
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#source
        .then((source) => source.next())
        .then(
          (result) => this.#answer(result),
          (error: unknown) => {
            this.#take()?.reject(error);
            this.#end();
          },
        );
    });
  }

  async return(): Promise<Result<Shown>> {
    this.#stopped = undefined;
    this.#take()?.resolve({ done: true, value: undefined });
    this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #answer(result: Result<Value>): void {
    const reader = this.#take();
    if (result.done) this.#end();
    reader?.resolve(result.done ? result : { done: false, value: this.#show(result.value) });
  }

  #take(): Reader<Shown> | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    return reader;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.then((source) => source.return()).catch(() => {});
    this.#onEnd();
  }
}
