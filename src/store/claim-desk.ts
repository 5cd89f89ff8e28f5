import type { Actor, Assessment } from './assessment.ts';
import type { ClaimedShares, ClaimStatement } from './claim-assessments.ts';
import type { ClaimedAssessment } from './claimed.ts';
import { isDatabaseAway } from './database.ts';
import { UnavailableError } from './errors.ts';
import type { Logger } from './logger.ts';
import { queueLimits } from './queue-inputs.ts';
import type { WorkNotice } from './work.ts';

export interface ClaimDeskOptions {
  /** Runs one statement for several workers of a tenant: those who made these requests. */
  execute: (statement: ClaimStatement, requests: readonly ClaimRequest[]) => Promise<ClaimedShares>;
  /** Gives claims back that nobody is there for any more. */
  release: (claims: readonly ClaimedAssessment[], request: ClaimRequest) => Promise<void>;
  /** How often workers that wait are looked after without having been told of work, in milliseconds. */
  reconcileMs: number;
  log: Logger;
}

/** A worker that asks for work, its input checked. */
export interface ClaimRequest {
  actor: Actor;
  workerId: string;
  limit: number;
  types: readonly Assessment['type'][];
  leaseMs: number;
  /** How long it waits for work when there is none, in milliseconds. */
  waitMs: number;
  /** Called as it begins to wait, and whenever it goes on waiting. */
  onWait?: (() => void) | undefined;
}

interface Waiting {
  request: ClaimRequest;
  settle: (claims: ClaimedAssessment[]) => void;
  fail: (error: unknown) => void;
  /** The time by `performance.now()` until which it waits. */
  deadline: number;
  timer?: NodeJS.Timeout;
  /** Nobody is there any more: the client is gone, or the time is over. */
  over: boolean;
}

/** The workers of a tenant that take the same types: they share statements. */
interface Counter {
  tenantId: string;
  types: readonly Assessment['type'][];
  /** Those whose turn it is. */
  queue: Waiting[];
  /** Those for whom there was nothing, the longest waiting first. */
  parked: Set<Waiting>;
  busy: boolean;
  /** Counts what was told of work: a claim that found nothing meanwhile may have looked too early. */
  notices: number;
  /** How often in a row work was seen that could not be got hold of; and the timer of the next try. */
  misses: number;
  missTimer?: NodeJS.Timeout | undefined;
}

/**
 * Where workers get their claims. Those that ask while a statement is under way share the next one. Those for whom there is nothing wait, and are
 * woken by what becomes ready: by one assessment one of them, so that a thousand idle workers cost one statement and not a thousand. Told
 * of nothing, the desk looks for itself with every reconcile tick, once for all that wait for the same.
 */
export class ClaimDesk {
  readonly #options: ClaimDeskOptions;
  readonly #counters = new Map<string, Counter>();
  #tick: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ClaimDeskOptions) {
    this.#options = options;
  }

  start(): void {
    this.#tick = setInterval(() => this.reconcile(), this.#options.reconcileMs).unref();
  }

  /** Answers everybody who waits with nothing, so that they ask another instance. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#tick);
    for (const counter of [...this.#counters.values()]) for (const waiting of counter.parked) this.#dismiss(waiting, counter);
  }

  /** How many workers wait for work. */
  get waiting(): number {
    let count = 0;
    for (const { parked } of this.#counters.values()) count += parked.size;
    return count;
  }

  /**
   * Claims what is ready, at most `limit`; waits up to `waitMs` when there is nothing. Claims that come when the signal has been aborted are
   * given back. @throws UnavailableError (the store stops); the signal's reason when it is aborted.
   */
  claim(request: ClaimRequest, signal?: AbortSignal): Promise<ClaimedAssessment[]> {
    if (this.#stopped) {
      return Promise.reject(new UnavailableError('OVERLOADED', 'The service is stopping; ask again, another instance will answer.', 1_000));
    }
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { request, settle: resolve, fail: reject, deadline: performance.now() + request.waitMs, over: false };
      if (signal !== undefined) this.#heed(signal, waiting);
      const counter = this.#counterOf(request);
      counter.queue.push(waiting);
      // After the promise jobs of this turn, so that workers who ask at the same moment share the statement.
      setImmediate(() => void this.#serve(counter));
    });
  }

  /** Something has become ready: wakes as many of those that wait as there is work. */
  offer(notices: readonly WorkNotice[]): void {
    for (const { tenantId, type, count } of notices) {
      let left = count;
      for (const counter of this.#counters.values()) {
        if (counter.tenantId !== tenantId || !counter.types.includes(type)) continue;
        counter.notices++;
        left -= this.#wake(counter, left);
      }
    }
  }

  /** Looks for work that nobody has told of, once for all that wait for the same. */
  reconcile(): void {
    for (const counter of this.#counters.values()) this.#wake(counter, 1);
  }

  #wake(counter: Counter, count: number): number {
    let woken = 0;
    for (const waiting of counter.parked) {
      if (woken >= count) break;
      counter.parked.delete(waiting);
      counter.queue.push(waiting);
      woken++;
    }
    if (woken > 0) void this.#serve(counter);
    return woken;
  }

  #wakeLater(counter: Counter): void {
    if (counter.missTimer !== undefined) return;
    const delayMs = Math.min(missMs.first * 2 ** (counter.misses - 1), missMs.longest);
    counter.missTimer = setTimeout(() => {
      counter.missTimer = undefined;
      this.#wake(counter, 1);
    }, delayMs).unref();
  }

  #counterOf({ actor: { tenantId }, types }: ClaimRequest): Counter {
    const name = nameOf({ tenantId, types });
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = { tenantId, types, queue: [], parked: new Set(), busy: false, notices: 0, misses: 0 };
      this.#counters.set(name, counter);
    }
    return counter;
  }

  async #serve(counter: Counter): Promise<void> {
    if (counter.busy) return;
    counter.busy = true;
    while (counter.queue.length > 0) {
      const turn = nextTurn(counter.queue);
      if (this.#stopped) for (const waiting of turn) this.#answer(counter, waiting, []);
      else await this.#serveSome(counter, turn);
    }
    counter.busy = false;
    this.#tidy(counter);
  }

  /** Nobody is left at it. */
  #tidy(counter: Counter): void {
    if (counter.busy || counter.parked.size > 0 || counter.queue.length > 0) return;
    this.#counters.delete(nameOf(counter));
  }

  async #serveSome(counter: Counter, turn: Waiting[]): Promise<void> {
    const { tenantId, types, notices } = counter;
    const shares = turn.map(({ request }) => ({
      ...{ workerId: request.workerId, subject: request.actor.subject },
      ...{ count: request.limit, leaseMs: request.leaseMs },
    }));
    if (shares.length === 0) return;
    try {
      const { claims, seen } = await this.#options.execute(
        { tenantId, types, shares },
        turn.map(({ request }) => request),
      );
      const taken = claims.reduce((sum, share) => sum + share.length, 0);
      // What it saw and could not get hold of may come back at once: the other transaction may fail. What it was told of meanwhile it has not seen.
      counter.misses = seen <= taken ? 0 : taken > 0 ? 1 : counter.misses + 1;
      for (const [index, waiting] of turn.entries()) this.#answer(counter, waiting, claims[index] ?? []);
      if (counter.notices !== notices) this.#wake(counter, counter.notices - notices);
      else if (counter.misses > 0) this.#wakeLater(counter);
      // There may be more than those who were woken can take.
      if (claims.every((share, index) => share.length === shares[index]?.count)) this.#wake(counter, 1);
    } catch (error) {
      const isAway = isDatabaseAway(error);
      for (const waiting of turn) {
        // Who had been told to wait goes on waiting: work may come as soon as the database is back.
        if (isAway && waiting.timer !== undefined) this.#answer(counter, waiting, []);
        else {
          clearTimeout(waiting.timer);
          waiting.fail(error);
        }
      }
    }
  }

  #answer(counter: Counter, waiting: Waiting, claims: ClaimedAssessment[]): void {
    if (waiting.over && claims.length > 0) this.#giveBack(claims, waiting.request);
    if (waiting.over) return;
    const leftMs = waiting.deadline - performance.now();
    if (claims.length > 0 || leftMs <= 0 || this.#stopped) {
      clearTimeout(waiting.timer);
      waiting.settle(claims);
      return;
    }
    waiting.timer ??= setTimeout(() => this.#dismiss(waiting, counter), leftMs).unref();
    counter.parked.add(waiting);
    waiting.request.onWait?.();
  }

  #giveBack(claims: readonly ClaimedAssessment[], request: ClaimRequest): void {
    this.#options
      .release(claims, request)
      .catch((error: unknown) =>
        this.#options.log.warn({ err: error }, 'claims of a worker that is gone could not be given back; their leases will run out'),
      );
  }

  /** Nothing came in time. One whose statement is under way is answered by that. */
  #dismiss(waiting: Waiting, counter: Counter): void {
    if (!counter.parked.delete(waiting)) {
      delete waiting.timer; // it has fired: parked again, it needs a new one
      return;
    }
    clearTimeout(waiting.timer);
    waiting.settle([]);
    this.#tidy(counter);
  }

  #heed(signal: AbortSignal, waiting: Waiting): void {
    const onAbort = (): void => {
      waiting.over = true;
      clearTimeout(waiting.timer);
      for (const counter of [...this.#counters.values()]) {
        counter.parked.delete(waiting);
        this.#tidy(counter);
      }
      fail(signal.reason);
    };
    const { settle, fail } = waiting;
    signal.addEventListener('abort', onAbort, { once: true });
    waiting.settle = (claims) => {
      signal.removeEventListener('abort', onAbort);
      settle(claims);
    };
    waiting.fail = (error) => {
      signal.removeEventListener('abort', onAbort);
      fail(error);
    };
  }
}

/** How soon a claim that could not get hold of what it saw looks again, in milliseconds; twice as long each time. */
const missMs = { first: 2, longest: 200 };

const nameOf = ({ tenantId, types }: Pick<Counter, 'tenantId' | 'types'>): string => `${types.join()}\0${tenantId}`;

/** As many of the next as one statement may serve; those that are gone are left out. */
function nextTurn(queue: Waiting[]): Waiting[] {
  const turn: Waiting[] = [];
  let count = 0;
  for (let next = queue[0]; next !== undefined && count + next.request.limit <= queueLimits.claim; next = queue[0]) {
    queue.shift();
    if (next.over) continue;
    turn.push(next);
    count += next.request.limit;
  }
  return turn;
}
