import {
  bulkhead,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  type IPolicy,
  wrap,
} from 'cockatiel';
import { type BreakerState, breakerStateOf } from './breaker-state.ts';

/** After so many failures in a row nobody waits for Redis. */
const failuresInARow = 5;
/** Then one call tries it, so soon at first and so late at most, in milliseconds. */
const tryAgainMs = { initialDelay: 500, maxDelay: 5_000 };
/** Most calls that wait for an answer at a time; what would be one more goes without Redis. */
const mostWaiting = 256;

/**
 * Stands before what waits for Redis. A Redis that is gone is not waited for anyway; one that takes connections and answers late, or never,
 * would cost every read its time limit.
 */
export class RedisGuard {
  readonly #breaker: CircuitBreakerPolicy;
  readonly #policy: IPolicy;

  constructor() {
    this.#breaker = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(failuresInARow),
      halfOpenAfter: new ExponentialBackoff(tryAgainMs),
    });
    // Outside the breaker: what was not let through says nothing about Redis.
    this.#policy = wrap(bulkhead(mostWaiting), this.#breaker);
  }

  /** Open: nobody waits for Redis. Half-open: one does, to see whether it answers again. */
  get state(): BreakerState {
    return breakerStateOf(this.#breaker.state);
  }

  /** What the call gives; undefined at once when Redis is not to be waited for, and when the call fails. */
  async ask<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined> {
    if (this.state === 'half-open') return undefined;
    return this.#policy.execute(call).catch(() => undefined);
  }
}
