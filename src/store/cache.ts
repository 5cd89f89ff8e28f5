import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { type Assessment, type AssessmentKey, keyString } from './assessment.ts';
import { isFinal } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { RedisGuard } from './redis-guard.ts';
import { noTelemetry, type StoreTelemetry } from './telemetry.ts';
import { parseAssessment } from './updates.ts';

export interface CacheOptions {
  /** Most assessments kept in memory; 0 keeps none. Default 10,000. */
  entries?: number;
  /** The second level, shared by all processes; without it there is none. */
  redisUrl?: string | undefined;
  /** Begins the name of every entry in Redis; the same in every process on the same database, and different for another database. */
  prefix?: string;
  /** How long an entry may stay, in milliseconds: so long an assessment that somebody deleted may still be seen. Default 1 minute. */
  ttlMs?: number;
  /** Stands before Redis; by default one of its own. */
  guard?: RedisGuard;
  telemetry?: StoreTelemetry;
  log: Logger;
}

const redisTimeoutMs = 100;
/** Most batches being written to the second level at a time; past it they are not worth the memory. */
const maxWriting = 64;

/** Puts an entry only where there is none of the same or a newer version. KEYS: entry. ARGV: version, JSON, milliseconds to live. */
const putNewer = `
  local have = redis.call('HGET', KEYS[1], 'version')
  if have and tonumber(have) >= tonumber(ARGV[1]) then return 0 end
  redis.call('HSET', KEYS[1], 'version', ARGV[1], 'assessment', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1`;

/**
 * Keeps assessments that can no longer change (COMPLETED and CANCELLED) in memory and, when there is one, in Redis. Those are the ones
 * that are read again and again, by late waiters and dashboards, and the only ones that no writer anywhere can make stale; what may
 * still change is always read from the database. Entries carry their version: an older one never replaces a newer one.
 */
export class AssessmentCache {
  readonly #memory: LRUCache<string, Assessment> | undefined;
  readonly #redis: Redis | undefined;
  readonly #ttlMs: number;
  readonly #prefix: string;
  readonly #guard: RedisGuard;
  readonly #telemetry: StoreTelemetry;
  #writing = 0;

  constructor({
    entries = 10_000,
    redisUrl,
    prefix = 'assessment-store',
    ttlMs = 60_000,
    guard = new RedisGuard(),
    telemetry = noTelemetry,
    log,
  }: CacheOptions) {
    this.#guard = guard;
    this.#telemetry = telemetry;
    this.#ttlMs = ttlMs;
    this.#prefix = prefix;
    this.#memory = entries > 0 ? new LRUCache({ max: entries, ttl: ttlMs }) : undefined;
    if (entries > 0 && redisUrl !== undefined) {
      this.#redis = new Redis(redisUrl, {
        lazyConnect: true,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        commandTimeout: redisTimeoutMs,
        socketTimeout: 2_000, // hung: let go of what was written for it
        retryStrategy: (tries) => Math.min(tries * 200, 2_000),
      });
      this.#redis.on('error', (error: Error) => log.debug({ err: error }, 'the second cache level is away: reads go to the database'));
    }
  }

  /** How many assessments are kept in memory. */
  get size(): number {
    return this.#memory?.size ?? 0;
  }

  /** Whether the second level is at hand; undefined where there is none. */
  get isConnected(): boolean | undefined {
    return this.#redis && this.#redis.status === 'ready';
  }

  start(): void {
    this.#redis?.connect().catch(() => {}); // reported by 'error'; the retry strategy goes on
  }

  async stop(): Promise<void> {
    this.#redis?.disconnect();
  }

  /** Keeps those that can no longer change. Never throws; the second level is written in the background. */
  put(assessments: readonly Assessment[]): void {
    const final = assessments.filter((assessment) => isFinal(assessment.state));
    for (const assessment of final) this.#keep(assessment);
    if (final.length === 0 || this.#redis?.status !== 'ready' || this.#writing >= maxWriting) return;
    const pipeline = this.#redis.pipeline();
    for (const assessment of final)
      pipeline.eval(putNewer, 1, this.#redisKey(assessment), assessment.version, JSON.stringify(assessment), this.#ttlMs);
    this.#writing++;
    pipeline
      .exec()
      .catch(() => {})
      .finally(() => {
        this.#writing--;
      });
  }

  /** What is kept of these; undefined where nothing is. Never throws. */
  async get(keys: readonly AssessmentKey[]): Promise<(Assessment | undefined)[]> {
    const found = keys.map((key) => this.#memory?.get(keyString(key)));
    const missing = keys.filter((_, index) => found[index] === undefined);
    if (this.#memory !== undefined) this.#telemetry.cacheRead('memory', keys.length, keys.length - missing.length);
    if (missing.length === 0 || this.#redis?.status !== 'ready') return found;
    const second = await this.#getFromRedis(missing);
    return found.map((assessment) => assessment ?? second.shift());
  }

  /** Forgets what was kept under keys that now name another assessment. */
  forget(keys: readonly AssessmentKey[]): void {
    for (const key of keys) this.#memory?.delete(keyString(key));
    if (keys.length > 0 && this.#redis?.status === 'ready') this.#redis.del(...keys.map((key) => this.#redisKey(key))).catch(() => {});
  }

  #keep(assessment: Assessment): void {
    const key = keyString(assessment);
    const kept = this.#memory?.get(key);
    if (kept === undefined || kept.version < assessment.version) this.#memory?.set(key, assessment);
  }

  async #getFromRedis(keys: readonly AssessmentKey[]): Promise<(Assessment | undefined)[]> {
    const replies = (await this.#guard.ask(() => this.#ask(keys))) ?? [];
    const found = keys.map((_, index) => {
      const text = replies[index]?.[1];
      const assessment = typeof text === 'string' ? parseAssessment(text) : undefined;
      if (assessment !== undefined) this.#keep(assessment);
      return assessment;
    });
    this.#telemetry.cacheRead('redis', keys.length, found.filter((assessment) => assessment !== undefined).length);
    return found;
  }

  /** @throws what Redis, or the time limit, says of the first of them */
  async #ask(keys: readonly AssessmentKey[]): Promise<[error: Error | null, result: unknown][]> {
    const pipeline = this.#redis?.pipeline();
    for (const key of keys) pipeline?.hget(this.#redisKey(key), 'assessment');
    const replies = (await pipeline?.exec()) ?? [];
    const [error] = replies[0] ?? [];
    if (error) throw error;
    return replies;
  }

  #redisKey({ tenantId, assessmentId }: AssessmentKey): string {
    // The length keeps tenant and key apart, whatever characters they hold.
    return `${this.#prefix}:assessment:${tenantId.length}:${tenantId}:${assessmentId}`;
  }
}
