/**
 * When batches are sent: at once while few are under way, so that an idle service adds no delay; otherwise in turn, each with all that has
 * been gathered for it, so that a busy service sends few and large ones.
 */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param concurrency most batches under way at a time. */
  constructor(concurrency: number) {
    this.#free = concurrency;
  }

  /** Sends a batch when it is its turn; `done()` has to follow. */
  take(send: () => void): void {
    if (this.#free === 0) {
      this.#waiting.push(send);
      return;
    }
    this.#free--;
    // After the promise jobs of this tick, so that callers who go on at the same moment share the batch.
    setImmediate(send);
  }

  /** Lets those go first that wait, and goes on when it is its turn again. */
  pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.done();
    });
  }

  /** A batch is no longer under way. */
  done(): void {
    const send = this.#waiting.shift();
    if (send === undefined) this.#free++;
    else send();
  }
}
