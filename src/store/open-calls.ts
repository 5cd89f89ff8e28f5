import { ClosedError } from './closed-error.ts';
import { type Source, Stoppable } from './stoppable.ts';

/** The calls, and the iterators, that were begun and have not ended: each can be broken off by its signal, and all together. */
export class OpenCalls {
  readonly #ends = new Set<(reason: unknown) => void>();
  #closed = false;

  /** Runs a call with a signal of its own. @throws the reason of the signal, ClosedError */
  async run<T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ClosedError();
    signal?.throwIfAborted();
    const controller = new AbortController();
    let release = (): void => {};
    const broken = new Promise<never>((_, reject) => {
      release = this.#keep((reason) => {
        reject(reason);
        controller.abort(reason);
      }, signal);
    });
    try {
      return await Promise.race([run(controller.signal), broken]);
    } finally {
      release();
    }
  }

  /** Opens a source, and gives an iterator over it; what goes wrong is told by its `next()`. */
  iterate<Value, Shown>(
    signal: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<Source<Value>>,
    show: (value: Value) => Shown,
  ): Stoppable<Value, Shown> {
    const opening = new AbortController();
    const refusal = this.#closed ? new ClosedError() : signal?.aborted ? signal.reason : undefined;
    let release = (): void => {};
    const iterator = new Stoppable(refusal === undefined ? open(opening.signal) : Promise.reject(refusal), show, () => {
      release();
      opening.abort(new ClosedError());
    });
    if (refusal === undefined) release = this.#keep((reason) => iterator.stop(reason), signal);
    return iterator;
  }

  /** Breaks everything off with a ClosedError, and takes no more. */
  close(): void {
    this.#closed = true;
    for (const end of [...this.#ends]) end(new ClosedError());
  }

  #keep(end: (reason: unknown) => void, signal: AbortSignal | undefined): () => void {
    const onAbort = (): void => end(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#ends.add(end);
    return () => {
      this.#ends.delete(end);
      signal?.removeEventListener('abort', onAbort);
    };
  }
}
