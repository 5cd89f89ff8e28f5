import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Logger } from '../store/index.ts';
import { type OperationKind, operationKinds, type Rates, type SharedTallies, type Tally, windowMs } from './rate-limits.ts';

export interface RedisTalliesOptions {
  /** redis://host:port or rediss://… */
  url: string;
  /** Begins every name in Redis; the same for all instances that count together. */
  prefix: string;
  rates: Rates;
  log: Logger;
}

/** How long what is counted waits until others are told, in milliseconds: so long they may let more in than the rate. */
const tellMs = 100;
/** The same while Redis is away. */
const tellAgainMs = 1_000;
/** A Redis that has not answered for so long is as good as away, in milliseconds. */
const patienceMs = 2_000;

/** Adds up in Redis what all instances count. While Redis is away, each counts for itself; what it counted is told when Redis is back. */
export class RedisTallies implements SharedTallies {
  readonly #redis: Redis;
  readonly #limiters: Readonly<Record<OperationKind, RateLimiterRedis>>;
  readonly #log: Logger;
  readonly #untold = new Set<Tally>();
  #timer: NodeJS.Timeout | undefined;
  #away = false;
  #stopped = false;

  constructor({ url, prefix, rates, log }: RedisTalliesOptions) {
    this.#log = log;
    this.#redis = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 5_000,
      commandTimeout: patienceMs,
      socketTimeout: patienceMs,
      retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), 1_000),
    });
    const limiterOf = (kind: OperationKind): RateLimiterRedis =>
      new RateLimiterRedis({
        ...{ storeClient: this.#redis, keyPrefix: `${prefix}:rate:${kind}`, points: rates[kind], duration: windowMs / 1_000 },
        rejectIfRedisNotReady: true,
      });
    this.#limiters = { query: limiterOf('query'), mutation: limiterOf('mutation'), subscription: limiterOf('subscription') };
  }

  start(): void {
    this.#redis.on('error', (error: Error) => this.#noteFailure(error));
    this.#redis.connect().catch(() => {}); // reported by 'error'; the retry strategy goes on
  }

  /** Idempotent. What has not been told is let go of. */
  stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#untold.clear();
    this.#redis.disconnect();
    return Promise.resolve();
  }

  note(tally: Tally): void {
    if (this.#stopped) return;
    this.#untold.add(tally);
    this.#timer ??= setTimeout(() => void this.runOnce(), this.#away ? tellAgainMs : tellMs).unref();
  }

  /** Tells what waits to be told, all at once. Never throws. */
  async runOnce(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const tallies = [...this.#untold];
    this.#untold.clear();
    await Promise.all(tallies.map((tally) => this.#tell(tally)));
  }

  async #tell(tally: Tally): Promise<void> {
    if (tally.endsAt <= performance.now()) return;
    const told = tally.untold;
    tally.untold = 0;
    try {
      const { consumedPoints, msBeforeNext } = await this.#limiters[tally.kind].penalty(nameOf(tally), told);
      tally.taken = consumedPoints + tally.untold;
      tally.endsAt = performance.now() + msBeforeNext;
      this.#noteAnswer();
    } catch (error) {
      tally.untold += told;
      this.#noteFailure(error);
      this.note(tally);
    }
  }

  #noteFailure(error: unknown): void {
    if (this.#away || this.#stopped) return;
    this.#away = true;
    this.#log.warn({ err: error }, 'Redis is away or slow: this instance limits rates by what it sees itself');
  }

  #noteAnswer(): void {
    if (!this.#away) return;
    this.#away = false;
    this.#log.info({}, 'Redis is back: rates are limited by what all instances see');
  }
}

/** Whether any rate is limited. */
export const isLimited = (rates: Rates): boolean => operationKinds.some((kind) => rates[kind] > 0);

/** Short and of harmless characters, whatever a subject is called. */
const nameOf = ({ actor: { tenantId, subject } }: Tally): string =>
  createHash('sha256')
    .update(JSON.stringify([tenantId, subject]))
    .digest('base64url');
