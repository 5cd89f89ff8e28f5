import { LRUCache } from 'lru-cache';
import type { Actor } from '../store/index.ts';

/** What is limited apart from each other. */
export const operationKinds = ['query', 'mutation', 'subscription'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** Most operations of one subject in a minute, by kind; 0: any number. */
export type Rates = Readonly<Record<OperationKind, number>>;

/** How long what was counted counts, in milliseconds. */
export const windowMs = 60_000;
/** Of so many subjects and kinds is known what they did; past that, the one that did nothing for longest is forgotten. */
const mostKnown = 100_000;

/** Something was refused, since its subject has had as many as it may. */
export interface RateExcess {
  kind: OperationKind;
  most: number;
  /** When the subject may come again, in milliseconds. */
  retryAfterMs: number;
}

/** What one subject did of one kind in the window that is under way. */
export interface Tally {
  readonly actor: Actor;
  readonly kind: OperationKind;
  /** All that is known of: here, and at other instances as they were last heard of. */
  taken: number;
  /** Of these, what others have not been told of. */
  untold: number;
  endsAt: number;
}

/** Told of everything that is counted, to share it with other instances. */
export interface SharedTallies {
  note(tally: Tally): void;
}

/**
 * Counts what each subject does, and says no beyond its rate. It answers at once from what it knows: what other instances count is brought in
 * meanwhile, so that nobody waits for Redis, and without it each instance counts for itself.
 */
export class RateLimits {
  readonly #rates: Rates;
  readonly #shared: SharedTallies | undefined;
  readonly #now: () => number;
  readonly #tallies = new LRUCache<string, Tally>({ max: mostKnown });

  constructor(rates: Rates, shared?: SharedTallies, now: () => number = () => performance.now()) {
    this.#rates = rates;
    this.#shared = shared;
    this.#now = now;
  }

  /** Counts one operation, or gives why it is too much: that is not counted. */
  take(actor: Actor, kind: OperationKind): RateExcess | undefined {
    const most = this.#rates[kind];
    if (most === 0) return undefined;
    const tally = this.#tallyOf(actor, kind);
    if (tally.taken >= most) return { kind, most, retryAfterMs: Math.max(1, Math.ceil(tally.endsAt - this.#now())) };
    tally.taken += 1;
    tally.untold += 1;
    this.#shared?.note(tally);
    return undefined;
  }

  #tallyOf(actor: Actor, kind: OperationKind): Tally {
    const key = JSON.stringify([kind, actor.tenantId, actor.subject]);
    const known = this.#tallies.get(key);
    if (known !== undefined && known.endsAt > this.#now()) return known;
    const tally = { actor, kind, taken: 0, untold: 0, endsAt: this.#now() + windowMs };
    this.#tallies.set(key, tally);
    return tally;
  }
}
