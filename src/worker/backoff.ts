/** Waiting between tries: up to twice as long each time, with jitter, so that many workers don't come back at the same moment. */
export class Backoff {
  readonly #leastMs: number;
  readonly #mostMs: number;
  #nextMs: number;

  constructor(leastMs: number, mostMs: number) {
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
    this.#nextMs = leastMs;
  }

  /** How long to wait now: between half of it and all of it, in milliseconds. */
  next(): number {
    const delayMs = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#mostMs);
    return delayMs;
  }

  /** It went well: the next wait is a short one. */
  reset(): void {
    this.#nextMs = this.#leastMs;
  }
}
