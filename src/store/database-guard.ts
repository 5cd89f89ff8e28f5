import {
  BrokenCircuitError,
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
} from 'cockatiel';
import { type BreakerState, breakerStateOf } from './breaker-state.ts';
import type { Logger } from './logger.ts';
import { isAnswer, isBreak, isOutOfReach } from './out-of-reach.ts';

export interface DatabaseGuardOptions {
  /** Most connections at a time. */
  connections: number;
  /** How long a statement may wait for a connection, in milliseconds. Default 5,000. */
  patienceMs?: number;
  log?: Logger;
}

/** So many failures in a row to get at the database, and it counts as away; fewer where there are not so many connections to fail. */
const failuresInARow = 5;
/** While it is away one statement tries it, so soon at first and so late at most, in milliseconds. */
const tryAgainMs = { initialDelay: 100, maxDelay: 2_000 };
/** Most statements that may wait for a connection. */
const mostWaiting = 10_000;

/** A statement was not sent: the database is away, or has no connection left. It has no `code`, for Prisma would take that for one of its own. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError';
}

/**
 * Stands before the database. No more statements are sent at a time than there are connections, and those that wait for one are refused when
 * that takes too long. Where the database is away, statements are refused at once instead of waiting each for its own time limit; every
 * now and then one of them is let through, and the first that is answered lets in all others.
 */
export class DatabaseGuard {
  readonly #breaker: CircuitBreakerPolicy;
  readonly #count: FailureCount;
  readonly #bulkhead: BulkheadPolicy;
  readonly #patienceMs: number;
  #isAway = false;

  constructor({ connections, patienceMs = 5_000, log }: DatabaseGuardOptions) {
    this.#patienceMs = patienceMs;
    this.#bulkhead = bulkhead(connections, mostWaiting);
    this.#count = new FailureCount(connections);
    this.#breaker = circuitBreaker(
      handleWhen((error) => this.#isFailure(error)),
      {
        breaker: this.#count,
        halfOpenAfter: new ExponentialBackoff(tryAgainMs),
      },
    );
    // Told of once, and not after every try.
    this.#breaker.onBreak((reason) => {
      if (!this.#isAway) log?.warn({ err: Object(reason).error }, 'the database cannot be reached: requests are refused until it can');
      this.#isAway = true;
    });
    this.#breaker.onReset(() => {
      this.#isAway = false;
      log?.info({}, 'the database is back');
    });
  }

  /** Open: statements are refused. Half-open: one is under way to see whether the database is back. */
  get state(): BreakerState {
    return breakerStateOf(this.#breaker.state);
  }

  /** Sends a statement when it is its turn. @throws NotSentError; what the database says. */
  run<Result>(send: () => Promise<Result>): Promise<Result> {
    // While one statement tries the database, the library would let the others wait for what becomes of it.
    if (this.#breaker.state === CircuitState.HalfOpen) return Promise.reject(away());
    return this.#breaker.execute(() => this.#inTurn(send)).catch(refused);
  }

  /** Begins something that keeps its connection until it calls `done`. @throws as `run` */
  hold<Result>(begin: (done: () => void) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.run(
        () =>
          new Promise<void>((done, fail) =>
            begin(done).then(resolve, (error: unknown) => {
              fail(error);
              reject(error);
            }),
          ),
      ).catch(reject);
    });
  }

  /** The statement that tries the database has failed, unless the database has answered it. */
  #isFailure(error: unknown): boolean {
    if (this.#breaker.state === CircuitState.HalfOpen) return !isAnswer(error);
    return isOutOfReach(error) || (isBreak(error) && this.#count.isOneTooMany());
  }

  #inTurn<Result>(send: () => Promise<Result>): Promise<Result> {
    return this.#bulkhead.executionSlots > 0 ? this.#bulkhead.execute(send) : this.#wait(send);
  }

  #wait<Result>(send: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      let hasGivenUp = false;
      const timer = setTimeout(() => {
        hasGivenUp = true;
        reject(busy());
      }, this.#patienceMs);
      const inTurn = async (): Promise<void> => {
        clearTimeout(timer);
        // Passed over here: the library would not go on to the next after one that is aborted by its signal.
        if (!hasGivenUp) await send().then(resolve, reject);
      };
      this.#bulkhead.execute(inTurn).catch((error: unknown) => {
        clearTimeout(timer);
        reject(error);
      });
    });
  }
}

/** Counts failures in a row. That connections break off is one only when more do than there were: then even new ones do. */
class FailureCount extends ConsecutiveBreaker {
  readonly #connections: number;
  #breaks = 0;

  constructor(connections: number) {
    super(Math.min(failuresInARow, connections));
    this.#connections = connections;
  }

  /** One more connection has broken off. */
  isOneTooMany(): boolean {
    return ++this.#breaks > this.#connections;
  }

  override success(): void {
    super.success();
    this.#breaks = 0;
  }
}

function refused(error: unknown): never {
  if (error instanceof BrokenCircuitError) throw away();
  if (error instanceof BulkheadRejectedError) throw busy();
  throw error;
}

const away = (): NotSentError => new NotSentError('The database cannot be reached right now.');
const busy = (): NotSentError => new NotSentError('The database has no connection left for this right now.');
