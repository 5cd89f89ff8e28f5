import type WebSocket from 'ws';
import type { Dice } from './dice.ts';
import type { Mood } from './mood.ts';
import type { Sockets } from './sockets.ts';

const meanStallMs = 1_000;
/** Long enough for the service to find that nobody reads. */
const longStallMs = { least: 9_000, most: 14_000 };

/** Disturbs the sockets of a source at random: one reads nothing for a while, another is cut off without a word. */
export class Troublemaker {
  readonly counts = { stalls: 0, cuts: 0 };
  readonly #sockets: Sockets;
  readonly #dice: Dice;
  readonly #mood: Mood;
  readonly #meanPeaceMs: number;

  /** @param meanPeaceMs how long the source is mostly left alone, in milliseconds */
  constructor(sockets: Sockets, dice: Dice, mood: Mood, meanPeaceMs: number) {
    this.#sockets = sockets;
    this.#dice = dice;
    this.#mood = mood;
    this.#meanPeaceMs = meanPeaceMs;
  }

  async run(): Promise<void> {
    while (!this.#mood.isCalm) {
      await this.#mood.whileRestless(this.#dice.about(this.#meanPeaceMs));
      const sockets = [...this.#sockets.open];
      if (sockets.length === 0 || this.#mood.isCalm) continue;
      const socket = this.#dice.pick(sockets);
      if (this.#dice.chance(0.5)) await this.#stall(socket);
      else this.#cut(socket);
    }
  }

  async #stall(socket: WebSocket): Promise<void> {
    this.counts.stalls += 1;
    socket.pause();
    const isLong = this.#dice.chance(0.1);
    await this.#mood.whileRestless(isLong ? this.#dice.between(longStallMs.least, longStallMs.most) : this.#dice.about(meanStallMs));
    socket.resume();
  }

  #cut(socket: WebSocket): void {
    this.counts.cuts += 1;
    socket.terminate();
  }
}
