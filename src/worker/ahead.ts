const most = 500;
/** An assessment that waited longer for its handler could have been done by another worker. */
const tooLongMs = 200;

/**
 * How many assessments to claim ahead. It begins small; where handlers are so short that they wait for claims again and again it doubles, up to 500,
 * and where what was claimed has to wait for a handler it is halved again. A fixed number stays as it is.
 */
export class Ahead {
  readonly #least: number;
  readonly #isFixed: boolean;
  #target: number;
  #wasShort = false;

  constructor({ prefetch, concurrency }: { prefetch: number | 'ADAPTIVE'; concurrency: number }) {
    this.#isFixed = prefetch !== 'ADAPTIVE';
    this.#least = prefetch === 'ADAPTIVE' ? Math.min(concurrency, most) : prefetch;
    this.#target = this.#least;
  }

  /** How many to claim ahead now. */
  get target(): number {
    return this.#target;
  }

  /** Claims have come. `isShort`: all that were asked for came, and handlers were waiting. */
  onClaims(isShort: boolean): void {
    // Not the first time: a worker that has just begun has handlers that wait, too.
    if (isShort && this.#wasShort && !this.#isFixed) this.#target = Math.min(this.#target * 2, most);
    this.#wasShort = isShort;
  }

  /** One of them is begun after so long. */
  onBegin(waitedMs: number): void {
    if (waitedMs > tooLongMs && !this.#isFixed) this.#target = Math.max(this.#least, this.#target >> 1);
  }
}
