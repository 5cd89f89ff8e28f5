/** How often the loop is looked at, and over how long it has to be late to count as such, in milliseconds. */
const everyMs = 25;
const spanMs = 500;

/**
 * How late the event loop is. One thread does everything: what comes while it is busy waits before anybody here can know of it. A pause, such as one
 * for garbage, passes; so it is the least of what was seen in the last half to whole second.
 */
export class LoopWatch {
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #spanEndsAt = 0;
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = 0;

  start(): void {
    this.#dueAt = performance.now() + everyMs;
    this.#spanEndsAt = performance.now() + spanMs;
    this.#timer ??= setInterval(() => this.#look(), everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** How late it has been all the time lately, in milliseconds. */
  get lateMs(): number {
    return Math.min(this.#least, this.#leastBefore);
  }

  #look(): void {
    const now = performance.now();
    this.#least = Math.min(this.#least, Math.max(0, now - this.#dueAt));
    this.#dueAt = now + everyMs;
    if (now < this.#spanEndsAt) return;
    this.#leastBefore = this.#least;
    this.#least = Number.POSITIVE_INFINITY;
    this.#spanEndsAt = now + spanMs;
  }
}
