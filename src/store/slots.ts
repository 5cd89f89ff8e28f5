import { Lanes } from './lanes.ts';

/** Lets so many tasks run at a time; the others wait in the order of their arrival, those of several lanes in turns. */
export class Slots {
  #free: number;
  readonly #waiting = new Lanes<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** @param lane whose task it is, where several are to be served in turns: a tenant. */
  async run<T>(task: () => Promise<T>, lane = ''): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(lane, resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
