import { announce, type Change } from './announce.ts';
import type { Actor, Assessment, AssessmentWithData } from './assessment.ts';
import { type AuditEntry, auditWindow, readAuditTrails } from './audit-trail.ts';
import type {
  BatchCancelAssessments,
  BatchCompleteAssessments,
  BatchCreateAssessments,
  BatchRetryFailedAssessments,
  BatchUpdateProgress,
  CleanupOldAssessments,
} from './batch-inputs.ts';
import { Batches } from './batches.ts';
import type { BreakerState } from './breaker-state.ts';
import { BulkCommands } from './bulk-commands.ts';
import { AssessmentCache } from './cache.ts';
import { changesSince } from './changes-since.ts';
import type { ClaimedAssessment, HeartbeatResult, ReleaseResult } from './claimed.ts';
import { Cleanup } from './cleanup.ts';
import { Commands } from './commands.ts';
import type { Connection, Page } from './cursor.ts';
import { type Database, openPool } from './database.ts';
import { DatabaseGuard } from './database-guard.ts';
import { NotFoundError, type RefusalError } from './errors.ts';
import { Feed, type FeedAssessments } from './feed.ts';
import { FeedLog } from './feed-log.ts';
import { type HealthStatus, healthReader } from './health.ts';
import { Hub } from './hub.ts';
import {
  type CancelAssessment,
  type CompleteAssessment,
  type CreateAssessment,
  checkAssessmentId,
  type FailAssessment,
  type RetryAssessment,
  type StartProcessing,
  type UpdateProgress,
} from './inputs.ts';
import { latestReader } from './latest-reader.ts';
import { countAssessments, type ListAssessments, listAssessments } from './list-assessments.ts';
import { createLoaders, type Loaders } from './loaders.ts';
import { encodePlace } from './log-place.ts';
import type { Logger } from './logger.ts';
import type { Created } from './new-assessment.ts';
import type { PoolUse } from './observed-adapter.ts';
import { Queue } from './queue.ts';
import type { ClaimAssessments, Heartbeat, ReleaseAssessments } from './queue-inputs.ts';
import { type QueueStatus, readQueueStatus } from './queue-status.ts';
import { type QueueTotals, readQueueTotals } from './queue-totals.ts';
import { readByKeys, readWithData } from './read-assessments.ts';
import { RedisBus } from './redis-bus.ts';
import { RedisGuard } from './redis-guard.ts';
import { SearchIndexer } from './search-indexer.ts';
import { type AssessmentStats, readStats, type StatsQuery } from './stats.ts';
import { noTelemetry, type RedisConnection, type StoreGauges, type StoreTelemetry } from './telemetry.ts';
import type { StoreTracer } from './tracer.ts';
import type { RetryPolicy } from './transition-assessments.ts';
import { type WaitForCompletion, Waiting, type WatchAssessment } from './wait.ts';
import type { Watch } from './watch.ts';

export interface StoreOptions {
  /** postgresql://user:password@host:port/database, migrated (see `migrate`). */
  databaseUrl: string;
  /** Most database connections at a time. Default 10. */
  poolSize?: number;
  /** Longest time that one statement may take, in milliseconds. Default 15,000. */
  statementTimeoutMs?: number;
  /** Carries updates to other processes and keeps the second level of the cache; without it the store serves this process alone. */
  redisUrl?: string | undefined;
  /** Begins every name in Redis; the same for all stores on one database. Default: made from the database's identity. */
  redisPrefix?: string | undefined;
  /** Most assessments in the memory cache; 0 for none. Default 10,000. */
  cacheEntries?: number;
  /** How often watched assessments are compared with the database, in milliseconds. Default 5,000. */
  reconcileMs?: number;
  /** How many of the newest changes are kept in memory for feeds; who reads slower than that reads from the database. Default 10,000. */
  feedBuffer?: number;
  /** Largest request or result, in bytes of JSON. Default 1 MiB. */
  maxBodyBytes?: number;
  /** Most command statements of a kind under way at a time. Default 2. */
  commandConcurrency?: number;
  /** How long a command tries to get at a row that another transaction holds locked, in milliseconds. Default 10,000. */
  lockPatienceMs?: number;
  /** Waiting before a retry of a failed attempt, in milliseconds: up to base * 2^retries, at most the cap. Default 1,000 and 300,000. */
  retryBaseMs?: number;
  retryCapMs?: number;
  /** How much one priority is worth in waiting for a worker, in milliseconds. Default 300,000: five minutes. */
  priorityStepMs?: number;
  /** Longest pause of the loops that look for lost leases, timeouts and due retries, in milliseconds. Default 1,000. */
  maintenanceMs?: number;
  /** Told of every SQL statement. */
  onStatement?: (sql: string) => void;
  /** Told of what the store does, to be counted. */
  telemetry?: StoreTelemetry | undefined;
  /** Follows commands into their statements. */
  tracer?: StoreTracer | undefined;
  /** Which migrations are missing or unknown, for the health check. */
  migrations?: () => Promise<{ pending: readonly string[]; unknown: readonly string[] }>;
  /** The version that the health check reports. */
  version?: string;
  log: Logger;
}

/** Opens a store on a migrated database (see `migrate` in src/database). Close it with `stop()`. */
export async function openStore(options: StoreOptions): Promise<AssessmentStore> {
  const { databaseUrl, redisUrl, log, telemetry = noTelemetry, tracer } = options;
  const guard = new DatabaseGuard({ connections: options.poolSize ?? 10, log });
  const { db, poolUse } = openPool({ ...options, telemetry, url: databaseUrl, guard });
  try {
    const prefix = redisUrl === undefined ? undefined : (options.redisPrefix ?? `assessment-store:${await databaseIdentity(db)}`);
    const redisGuard = redisUrl === undefined ? undefined : new RedisGuard();
    const shared = { redisUrl, log, telemetry, ...(redisGuard && { guard: redisGuard }), ...(prefix !== undefined && { prefix }) };
    const bus = redisUrl === undefined ? undefined : new RedisBus({ ...shared, url: redisUrl });
    const cache = new AssessmentCache({ ...shared, entries: options.cacheEntries ?? 10_000 });
    const hub = new Hub({
      changesSince: (known) => changesSince(db, known),
      bus,
      reconcileMs: options.reconcileMs ?? 5_000,
      telemetry,
      log,
    });
    cache.start();
    const indexer = new SearchIndexer({ db, log, everyMs: options.reconcileMs ?? 5_000 });
    const retry = { baseMs: options.retryBaseMs ?? 1_000, capMs: options.retryCapMs ?? 300_000 };
    const announceAll = (changes: readonly Change[]): void => announce({ cache, hub, indexer, queue, telemetry }, changes);
    const queue: Queue = new Queue({
      ...{ db, hub, log, retry, telemetry, tracer, announce: announceAll },
      reconcileMs: options.reconcileMs ?? 5_000,
      maintenanceMs: options.maintenanceMs ?? 1_000,
      lockPatienceMs: options.lockPatienceMs ?? 10_000,
    });
    hub.listenForWork(queue);
    const feedLog = new FeedLog({
      ...{ db, bus, log, hub, telemetry },
      windowEntries: options.feedBuffer ?? 10_000,
    });
    hub.listenForChanges(feedLog);
    hub.start();
    indexer.start();
    queue.start();
    const parts = { db, guard, redisGuard, poolUse, telemetry, bus, cache, hub, feedLog, indexer, queue, retry };
    return new AssessmentStore({ ...options, redisPrefix: prefix }, { ...parts, announce: announceAll });
  } catch (error) {
    await db.$disconnect();
    throw error;
  }
}

// The same for every instance on one database, whatever address it uses, and another for each other database.
async function databaseIdentity(db: Database): Promise<string> {
  const [row] = await db.$queryRaw<{ identity: string }[]>`/* databaseIdentity */
    select left(md5(current_database() || ':' || min(id)), 12) as identity from _prisma_migrations`;
  return row?.identity ?? 'none';
}

interface Parts {
  db: Database;
  guard: DatabaseGuard;
  redisGuard: RedisGuard | undefined;
  poolUse: () => PoolUse;
  telemetry: StoreTelemetry;
  bus: RedisBus | undefined;
  cache: AssessmentCache;
  hub: Hub;
  feedLog: FeedLog;
  indexer: SearchIndexer;
  queue: Queue;
  retry: RetryPolicy;
  announce: (changes: readonly Change[]) => void;
}

/**
 * The lifecycle of assessments in PostgreSQL, as a library. Every command is checked, changes one row atomically, is audited in the same
 * transaction, and resolves after the COMMIT; a refusal is an error of a class of its own (see errors.ts) and changes nothing.
 */
export class AssessmentStore {
  readonly #options: StoreOptions;
  readonly #parts: Parts;
  readonly #commands: Commands;
  readonly #waiting: Waiting;
  readonly #batches: Batches;
  readonly #bulk: BulkCommands;
  readonly #cleanup: Cleanup;
  readonly #readHealth: () => Promise<HealthStatus>;
  #stopping: Promise<void> | undefined;

  constructor(options: StoreOptions, parts: Parts) {
    const { db, hub, cache, indexer, retry } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#commands = new Commands({
      ...{ db, retry, announce: parts.announce, log: options.log, telemetry: parts.telemetry, tracer: options.tracer },
      maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
      concurrency: options.commandConcurrency ?? 2,
      lockPatienceMs: options.lockPatienceMs ?? 10_000,
    });
    const shared = { db, commands: this.#commands };
    this.#batches = new Batches({ ...shared, retry, log: options.log, maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024 });
    this.#bulk = new BulkCommands(shared);
    this.#cleanup = new Cleanup({
      ...shared,
      onDeleted: (keys) => {
        cache.forget(keys);
        indexer.wake();
      },
    });
    const { migrations = async () => ({ pending: [], unknown: [] }), version = 'unknown' } = options;
    this.#readHealth = healthReader({ db, bus: parts.bus, migrations, version });
    this.#waiting = new Waiting({ hub, cache, read: latestReader(db), changesSince: (known) => changesSince(db, known) });
  }

  /** Lets the commands under way finish, ends every wait with an UnavailableError, and closes the connections. */
  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  /**
   * Creates an assessment, PENDING. The same `assessmentId` with the same request gives the one that is there (`created: false`).
   * @throws InvalidInputError, AlreadyExistsError (the key is taken by another request).
   */
  createAssessment(input: CreateAssessment, actor: Actor): Promise<Created> {
    return this.#commands.createAssessment(input, actor);
  }

  /** PENDING to PROCESSING, without a claim. @throws InvalidInputError, NotFoundError, InvalidTransitionError, VersionConflictError */
  startProcessing(input: StartProcessing, actor: Actor): Promise<Assessment> {
    return this.#commands.startProcessing(input, actor);
  }

  /**
   * Reports progress in percent, which never falls, while PROCESSING. The same progress and message again changes nothing.
   * @throws InvalidInputError, NotFoundError, InvalidTransitionError, VersionConflictError, ClaimLostError
   */
  updateProgress(input: UpdateProgress, actor: Actor): Promise<Assessment> {
    return this.#commands.updateProgress(input, actor);
  }

  /** PROCESSING to COMPLETED with the result. @throws as updateProgress */
  completeAssessment(input: CompleteAssessment, actor: Actor): Promise<Assessment> {
    return this.#commands.completeAssessment(input, actor);
  }

  /** PROCESSING to FAILED, or to PENDING with a time to wait when it is retryable and retries are left. @throws as updateProgress */
  failAssessment(input: FailAssessment, actor: Actor): Promise<Assessment> {
    return this.#commands.failAssessment(input, actor);
  }

  /** PENDING or PROCESSING to CANCELLED. @throws as startProcessing */
  cancelAssessment(input: CancelAssessment, actor: Actor): Promise<Assessment> {
    return this.#commands.cancelAssessment(input, actor);
  }

  /** FAILED to PENDING: a new round, at once. @throws as startProcessing */
  retryAssessment(input: RetryAssessment, actor: Actor): Promise<Assessment> {
    return this.#commands.retryAssessment(input, actor);
  }

  /**
   * Claims up to `limit` assessments that are ready, by rank: the most urgent first, the oldest first within a priority, and whoever waits long enough
   * before all of them. Waits up to `waitMs` when there is none, and calls `onWait` as it begins to;
   * then it is an empty list. @throws InvalidInputError, UnavailableError (the store stops);
   * the signal's reason when it is aborted.
   */
  claimAssessments(input: ClaimAssessments, actor: Actor, signal?: AbortSignal, onWait?: () => void): Promise<ClaimedAssessment[]> {
    return this.#parts.queue.claim(input, actor, signal, onWait);
  }

  /** Renews the claims that the worker still holds; in the order of the tokens. @throws InvalidInputError */
  heartbeat(input: Heartbeat, actor: Actor): Promise<HeartbeatResult[]> {
    return this.#parts.queue.heartbeat(input, actor);
  }

  /** Gives claims back: PENDING again at once, no retry counted; in the order of the tokens. @throws InvalidInputError, UnavailableError */
  releaseAssessments(input: ReleaseAssessments, actor: Actor): Promise<ReleaseResult[]> {
    return this.#parts.queue.release(input, actor);
  }

  /** How the queue of the tenant stands: what is ready, what waits, who works. */
  queueStatus(actor: Actor): Promise<QueueStatus> {
    return readQueueStatus(this.#parts.db, actor.tenantId);
  }

  /** The queues of all tenants together, by type; for those who run the service, not for its clients. */
  queueTotals(): Promise<QueueTotals[]> {
    return readQueueTotals(this.#parts.db);
  }

  /** How the store stands now; asks nobody. */
  get gauges(): StoreGauges {
    const { hub, feedLog, queue, cache, bus, poolUse } = this.#parts;
    const redis = { ...bus?.connections, ...(cache.isConnected !== undefined && { cache: cache.isConnected }) };
    return {
      ...{ watches: hub.size, feeds: feedLog.size, workersWaiting: queue.waiting, cached: cache.size },
      pool: { ...poolUse(), most: this.#options.poolSize ?? 10 },
      redis: Object.entries(redis).map(([connection, connected]) => ({ connection: connection as RedisConnection, connected })),
    };
  }

  /** How many workers wait for work here. */
  get workersWaiting(): number {
    return this.#parts.queue.waiting;
  }

  /** The loops that keep anything from being stuck; they run by themselves, these run them now. */
  get maintenance(): Pick<Queue, 'expireClaims' | 'readyRetries'> {
    return this.#parts.queue;
  }

  /**
   * Creates up to 10,000. Results in the order of the input: what `createAssessment` gives, or its refusal. `atomic`: all or nothing; when
   * one is refused, so are the others, with an InvalidInputError that says for which one's sake.
   * @throws InvalidInputError (the batch as such), UnavailableError (atomic, and something stays locked)
   */
  batchCreateAssessments(input: BatchCreateAssessments, actor: Actor): Promise<(Created | RefusalError)[]> {
    return this.#batches.batchCreateAssessments(input, actor);
  }

  /** Reports the progress of up to 10,000; results and errors as of batchCreateAssessments. */
  batchUpdateProgress(input: BatchUpdateProgress, actor: Actor): Promise<(Assessment | RefusalError)[]> {
    return this.#batches.batchUpdateProgress(input, actor);
  }

  /** Completes up to 10,000; results and errors as of batchCreateAssessments. */
  batchCompleteAssessments(input: BatchCompleteAssessments, actor: Actor): Promise<(Assessment | RefusalError)[]> {
    return this.#batches.batchCompleteAssessments(input, actor);
  }

  /** FAILED to PENDING for those that match and have fewer retries than `maxRetries`; gives their keys, the oldest first. @throws InvalidInputError */
  batchRetryFailedAssessments(input: BatchRetryFailedAssessments, actor: Actor): Promise<string[]> {
    return this.#bulk.batchRetryFailedAssessments(input, actor);
  }

  /** PENDING or PROCESSING to CANCELLED for those that match; gives their keys, the oldest first. @throws InvalidInputError (also without a condition) */
  batchCancelAssessments(input: BatchCancelAssessments, actor: Actor): Promise<string[]> {
    return this.#bulk.batchCancelAssessments(input, actor);
  }

  /** Deletes those that ended more than `retentionDays` ago, with their audit trails; gives how many. @throws InvalidInputError, UnavailableError (the store stops) */
  cleanupOldAssessments(input: CleanupOldAssessments, actor: Actor): Promise<number> {
    return this.#cleanup.cleanupOldAssessments(input, actor);
  }

  /** The assessment as it is now, with its request and its result. @throws InvalidInputError, NotFoundError */
  async getState(assessmentId: string, actor: Actor): Promise<AssessmentWithData> {
    checkAssessmentId(assessmentId);
    const [assessment] = await readWithData(this.#parts.db, { tenantId: actor.tenantId, assessmentId });
    if (assessment === undefined) throw new NotFoundError(assessmentId);
    return assessment;
  }

  /**
   * Resolves as soon as the assessment is terminal, or with `timedOut: true` and the state it has by then. Calls `onWait` as it begins to wait.
   * @throws InvalidInputError, NotFoundError, UnavailableError (the store stops); the signal's reason when it is aborted.
   */
  waitForCompletion(
    input: WaitForCompletion,
    actor: Actor,
    signal?: AbortSignal,
    onWait?: () => void,
  ): Promise<{ assessment: Assessment; timedOut: boolean }> {
    return this.#waiting.forCompletion(input, actor, signal, onWait);
  }

  /**
   * The updates of one assessment: first the state it has now, then later versions, in the end the terminal one. Break off the
   * loop, or call `return()`, to stop before. @throws InvalidInputError, NotFoundError, UnavailableError (the store stops)
   */
  watchAssessment(input: WatchAssessment, actor: Actor): Promise<Watch> {
    return this.#waiting.watch(input, actor);
  }

  /**
   * Every change of the tenant's assessments that match, in commit order and each exactly once: what has followed the cursor `after` first,
   * then what happens from now on. An assessment that stops matching is told of once more. Break off the loop, or call `return()`, to stop.
   * @throws InvalidInputError, CursorExpiredError, UnavailableError (the store stops)
   */
  feedAssessments(input: FeedAssessments, actor: Actor): Promise<Feed> {
    return Feed.open(this.#parts.feedLog, input, actor.tenantId);
  }

  /** The cursor of a feed that begins now. Taken before a list is read, a feed after it brings every change that the list does not show. */
  async feedCursor(_actor: Actor): Promise<string> {
    return encodePlace(await this.#parts.feedLog.now());
  }

  /** One page of the assessments that match. @throws InvalidInputError */
  listAssessments(list: ListAssessments, actor: Actor): Promise<Connection<Assessment>> {
    return listAssessments(this.#parts.db, actor.tenantId, list);
  }

  /** One page of those in which the words of `search` occur. @throws InvalidInputError */
  searchAssessments(list: ListAssessments & { search: string }, actor: Actor): Promise<Connection<Assessment>> {
    return listAssessments(this.#parts.db, actor.tenantId, list);
  }

  /** How many match. @throws InvalidInputError */
  countAssessments(list: Pick<ListAssessments, 'where' | 'search'>, actor: Actor): Promise<number> {
    return countAssessments(this.#parts.db, actor.tenantId, list);
  }

  /** Every change of one assessment, oldest first. @throws InvalidInputError, NotFoundError */
  async auditTrail(assessmentId: string, page: Page, actor: Actor): Promise<Connection<AuditEntry>> {
    checkAssessmentId(assessmentId);
    const [trail] = await readAuditTrails(this.#parts.db, [{ tenantId: actor.tenantId, assessmentId }], auditWindow(page));
    if (
      trail === undefined ||
      (trail.items.length === 0 && (await readByKeys(this.#parts.db, [{ tenantId: actor.tenantId, assessmentId }])).length === 0)
    ) {
      throw new NotFoundError(assessmentId);
    }
    return trail;
  }

  /** Counts, times and rates. @throws InvalidInputError */
  getAssessmentStats(query: StatsQuery, actor: Actor): Promise<AssessmentStats> {
    return readStats(this.#parts.db, actor.tenantId, query);
  }

  /** How the parts of the service are doing; never throws. */
  getHealthStatus(): Promise<HealthStatus> {
    return this.#readHealth();
  }

  /** Batched reads by key for one request or one event; see {@link Loaders}. */
  loaders(actor: Actor): Loaders {
    return createLoaders(this.#parts.db, this.#parts.cache, actor);
  }

  /** How many watches and waits there are now. */
  get watching(): number {
    return this.#parts.hub.size;
  }

  /** How many feeds there are now. */
  get feeding(): number {
    return this.#parts.feedLog.size;
  }

  /** Ends every wait, watch and feed with an UnavailableError and takes no more, and a cleanup after its chunk; commands and reads go on. The first half of `stop()`. */
  endWaits(): void {
    this.#parts.hub.endWatches();
    this.#parts.feedLog.endFeeds();
    this.#parts.queue.endWaits();
    this.#cleanup.stop();
  }

  /** The state of the breaker before each server that there is; asks nobody. */
  get breakers(): { name: 'database' | 'redis'; state: BreakerState }[] {
    const { guard, redisGuard } = this.#parts;
    return [
      { name: 'database', state: guard.state },
      ...(redisGuard === undefined ? [] : [{ name: 'redis' as const, state: redisGuard.state }]),
    ];
  }

  /** Begins every name in Redis; undefined without Redis. */
  get redisPrefix(): string | undefined {
    return this.#options.redisPrefix;
  }

  /** The pool, for Prisma's own queries. */
  get database(): Database {
    return this.#parts.db;
  }

  async #close(): Promise<void> {
    this.endWaits();
    await this.#commands.idle();
    await this.#parts.indexer.stop();
    await this.#parts.queue.stop();
    await this.#parts.feedLog.stop();
    await this.#parts.hub.stop();
    await this.#parts.cache.stop();
    await this.#parts.db.$disconnect();
  }
}
