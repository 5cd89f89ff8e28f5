/** What has begun and not ended yet, so that a stop can wait for it. */
export class UnderWay {
  readonly #work = new Set<Promise<unknown>>();

  /** Counts it until it has ended. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work);
    try {
      return await work;
    } finally {
      this.#work.delete(work);
    }
  }

  /** Resolves when nothing is under way, whatever became of it. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
  }
}
