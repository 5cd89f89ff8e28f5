import { type Database, isRefusedValue } from './database.ts';
import type { Logger } from './logger.ts';

export interface SearchIndexerOptions {
  db: Database;
  log: Logger;
  /** How often it looks for what other processes have left, in milliseconds. */
  everyMs: number;
}

const batchSize = 200;
/** After a batch it rests so many times as long as that took: commands come first, a search reads what waits. */
const restFactor = 4;
const leastRestMs = 50;

/** Takes the words of new and changed assessments out for full-text search, beside the commands and never in their way. */
export class SearchIndexer {
  readonly #options: SearchIndexerOptions;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #restsUntil = 0;
  #running: Promise<number> | undefined;
  #stopped = false;
  /** How many at a time; fewer where so many were too much for one statement. */
  #limit = batchSize;

  constructor(options: SearchIndexerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#runIn(this.#options.everyMs);
  }

  /** There is something to do: begins soon, unless it has begun or rests. */
  wake(): void {
    this.#runIn(Math.max(leastRestMs, this.#restsUntil - performance.now()));
  }

  /** Lets the batch under way finish. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Takes the words of up to 200 waiting assessments out; gives the number of entries done, 0 also while another process does it. */
  runOnce(): Promise<number> {
    return indexWaiting(this.#options.db, this.#limit);
  }

  #runIn(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    if (this.#stopped || this.#running !== undefined || this.#dueAt <= dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => void this.#run(), delayMs).unref();
  }

  async #run(): Promise<void> {
    const begunAt = performance.now();
    this.#running = this.#batch();
    const done = await this.#running;
    this.#running = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
    const restMs = Math.max(leastRestMs, (performance.now() - begunAt) * restFactor);
    this.#restsUntil = performance.now() + restMs;
    this.#runIn(done > 0 ? restMs : this.#options.everyMs);
  }

  async #batch(): Promise<number> {
    try {
      const done = await this.runOnce();
      this.#limit = Math.min(this.#limit * 2, batchSize);
      return done;
    } catch (error) {
      if (isRefusedValue(error) && this.#limit === 1) return await this.#skip(error);
      this.#limit = Math.max(1, this.#limit >> 1);
      this.#options.log.warn(
        { err: error },
        'the words of changed assessments could not be taken out for search; the next tick tries again',
      );
      return 0;
    }
  }

  /** The words of one assessment that PostgreSQL will not have must not keep all others waiting: it is found by nothing then. */
  async #skip(error: unknown): Promise<number> {
    const id = await skipOldest(this.#options.db);
    this.#options.log.error({ err: error, id }, "the words of an assessment can't be taken out for search; it will not be found by them");
    return 1;
  }
}

/** Takes the oldest that waits out of the queue; gives its id. */
async function skipOldest(db: Database): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ id: string }[]>`/* skipOldest */
    delete from assessment_search_pending where seq in (select min(seq) from assessment_search_pending) returning id`;
  return row?.id;
}

// Known to PostgreSQL by this number. One indexer at a time and oldest first: so a removal is never overtaken by what was written before it.
const indexerLock = 4_711_001;

/** One batch, exclusive among all processes. */
async function indexWaiting(db: Database, limit: number): Promise<number> {
  const [done] = await db.$queryRaw<{ count: number }[]>`/* indexWaiting */
    with exclusive as materialized (
      select pg_try_advisory_xact_lock(${indexerLock}::bigint) as held
    ), taken as (
      delete from assessment_search_pending p
      where p.seq in (select seq from assessment_search_pending where (select held from exclusive) order by seq limit ${limit}::int)
      returning p.id
    ), changed as (
      select distinct id from taken
    ), written as (
      insert into assessment_search as d (id, version, server_name, message, error_message, request_vector)
      select s.id, s.version, s.server_name, s.message, s.error_message, coalesce(known.request_vector, assessment_request_vector(s.request_data))
      from changed join assessment_states s using (id) left join assessment_search known using (id)
      on conflict (id) do update set version = excluded.version, server_name = excluded.server_name,
        message = excluded.message, error_message = excluded.error_message
      where d.version < excluded.version
    ), removed as (
      delete from assessment_search d using changed
      where d.id = changed.id and not exists (select from assessment_states s where s.id = changed.id)
    )
    select count(*)::int as count from taken`;
  return done?.count ?? 0;
}
