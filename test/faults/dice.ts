import { randomNumbers } from '../support/random-numbers.ts';

/** Decisions by chance, the same ones for the same seed and name: every actor of a run has dice of its own. */
export class Dice {
  readonly #next: () => number;

  constructor(seed: number, name: string) {
    let start = seed;
    for (const letter of name) start = Math.imul(start ^ letter.charCodeAt(0), 0x01000193);
    this.#next = randomNumbers(start);
  }

  chance(of: number): boolean {
    return this.#next() < of;
  }

  between(least: number, most: number): number {
    return least + this.#next() * (most - least);
  }

  /** A whole number, `least` and `most` included. */
  whole(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }

  /** A time with this mean: mostly shorter, sometimes much longer. */
  about(mean: number): number {
    return -Math.log(1 - this.#next()) * mean;
  }

  pick<One>(among: readonly One[]): One {
    return among[this.whole(0, among.length - 1)] as One;
  }

  shuffled<One>(list: readonly One[]): One[] {
    const ranks = list.map((one) => ({ one, rank: this.#next() }));
    return ranks.sort((a, b) => a.rank - b.rank).map(({ one }) => one);
  }
}
