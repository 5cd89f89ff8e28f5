import { Expectations } from './expectations.ts';
import { FeedCheck } from './feed-check.ts';
import type { Flaw } from './flaw.ts';
import type { Line } from './line.ts';
import type { Trail } from './trail.ts';
import { WaiterCheck } from './waiter-check.ts';

/** What a checker has looked at, and what it found. */
export interface Verdict {
  waiters: number;
  feeds: number;
  pieces: number;
  /** Updates that subscribers were told. */
  updates: number;
  flaws: Flaw[];
}

/** Holds what subscribers were told against the audit trail. */
export class Checker {
  readonly #trail: Trail;
  readonly #expectations: Expectations;
  readonly #subscribers = new Map<string, WaiterCheck | FeedCheck>();
  readonly #counts = { waiters: 0, feeds: 0, pieces: 0, updates: 0 };
  readonly #flaws: Flaw[] = [];

  constructor(trail: Trail) {
    this.#trail = trail;
    this.#expectations = new Expectations(trail);
  }

  /** Takes the lines of a subscriber in the order in which they were written. */
  take(line: Line): void {
    const known = this.#subscribers.get(line.subscriber);
    if (line.type === 'JOINED') this.#join(line);
    else if (known === undefined) this.#note(line.subscriber, 'has lines, and has never joined');
    else if (line.type === 'BEGUN') {
      this.#counts.pieces += 1;
      known.begun(line);
    } else if (line.type === 'SEEN') {
      this.#counts.updates += 1;
      known.seen(line);
    } else known.ended(line);
  }

  /** @param subscribers how many there have to be at least */
  verdict(subscribers: number): Verdict {
    if (this.#subscribers.size < subscribers) this.#note('-', `there are ${this.#subscribers.size} subscribers and not ${subscribers}`);
    const flaws = [...this.#subscribers.values()].flatMap((subscriber) => subscriber.finish());
    return { ...this.#counts, flaws: [...this.#flaws, ...flaws] };
  }

  #join({ subscriber, interest }: Extract<Line, { type: 'JOINED' }>): void {
    if (this.#subscribers.has(subscriber)) this.#note(subscriber, 'has joined twice');
    else if ('waitsFor' in interest) {
      this.#counts.waiters += 1;
      this.#subscribers.set(subscriber, new WaiterCheck(subscriber, interest.waitsFor, this.#trail));
    } else {
      this.#counts.feeds += 1;
      this.#subscribers.set(subscriber, new FeedCheck(subscriber, interest.follows, this.#trail, this.#expectations));
    }
  }

  #note(subscriber: string, flaw: string): void {
    this.#flaws.push({ subscriber, piece: null, assessmentId: null, version: null, flaw });
  }
}
