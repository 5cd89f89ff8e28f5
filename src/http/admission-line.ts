/** Somebody who waits for a place. */
export interface InLine {
  /** The time by `performance.now()` until which it waits. */
  deadline: number;
  /** Its turn has come. */
  begin: () => void;
  /** It has waited too long. */
  refuse: () => void;
}

/** How long the pace of a line is measured before that counts, in milliseconds. */
const measuredMs = 200;

/** Those who wait for a place for operations of one kind, in the order in which they came, and how fast they get on. */
export class AdmissionLine {
  readonly #waiting: InLine[] = [];
  #since = 0;
  #begun = 0;
  /** How long it lately took until one more of them could begin. */
  #paceMs = 0;

  get length(): number {
    return this.#waiting.length;
  }

  /** How long one more would wait, going by how the line gets on, in milliseconds. */
  expectedMs(now: number): number {
    this.#measure(now);
    return this.#waiting.length * this.#paceMs;
  }

  join(one: InLine, now: number): void {
    if (this.#waiting.push(one) > 1) return;
    // What was learned some time ago says nothing about those who begin to wait now.
    if (now - this.#since <= measuredMs) return;
    this.#paceMs = 0;
    this.#since = now;
    this.#begun = 0;
  }

  /** One has begun that had not to wait. */
  pass(): void {
    this.#begun++;
  }

  /** Lets the first begin. */
  next(now: number): void {
    this.#begun++;
    this.#measure(now);
    this.#waiting.shift()?.begin();
  }

  /** Refuses those who have waited too long. */
  expire(now: number): void {
    for (let first = this.#waiting[0]; first !== undefined && first.deadline <= now; first = this.#waiting[0]) {
      this.#waiting.shift();
      first.refuse();
    }
  }

  /** Refuses all. */
  clear(): void {
    for (const one of this.#waiting.splice(0)) one.refuse();
  }

  /** While nobody waits, it is not known how many could have begun. */
  #measure(now: number): void {
    const tookMs = now - this.#since;
    if (this.#waiting.length === 0 || tookMs < measuredMs) return;
    this.#paceMs = tookMs / Math.max(1, this.#begun);
    this.#since = now;
    this.#begun = 0;
  }
}
