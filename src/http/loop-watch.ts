/** How often the loop is looked at, in milliseconds; and after how long, and so many looks, that counts. */
const everyMs = 25;
const spanMs = 200;
const looks = 4;

/**
 * How late the event loop is. One thread does everything: what comes while it is busy waits before anybody here can know of it. A pause, such as one
 * for garbage, passes: so it is the least that was seen in several looks.
 */
export class LoopWatch {
  readonly #onSpan: (lateMs: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #since = 0;
  #looks = 0;
  #least = Number.POSITIVE_INFINITY;
  #lateMs = 0;

  /** @param onSpan told of how late it is, again and again */
  constructor(onSpan: (lateMs: number) => void) {
    this.#onSpan = onSpan;
  }

  start(): void {
    this.#begin(performance.now());
    this.#timer ??= setInterval(() => this.#look(), everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** How late it has been all the time lately, in milliseconds. */
  get lateMs(): number {
    return Math.min(this.#least, this.#lateMs);
  }

  #begin(now: number): void {
    this.#dueAt = now + everyMs;
    this.#since = now;
    this.#looks = 0;
    this.#least = Number.POSITIVE_INFINITY;
  }

  #look(): void {
    const now = performance.now();
    this.#least = Math.min(this.#least, Math.max(0, now - this.#dueAt));
    this.#dueAt = now + everyMs;
    if (++this.#looks < looks || now - this.#since < spanMs) return;
    this.#lateMs = this.#least;
    this.#begin(now);
    this.#onSpan(this.#lateMs);
  }
}
