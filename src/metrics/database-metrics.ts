import { Gauge, type Registry } from 'prom-client';
import { batchedStatements, type StoreGauges, type StoreTelemetry } from '../store/index.ts';
import { Distribution, shortTimes } from './distribution.ts';
import { Tally } from './tally.ts';

const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** What the store asks of PostgreSQL, Redis and its caches. */
export class DatabaseMetrics implements Pick<StoreTelemetry, 'statement' | 'batch' | 'cacheRead'> {
  readonly #statements: Distribution;
  readonly #failures: Tally<'statement'>;
  readonly #batches: Distribution;
  readonly #cache: Tally<'level' | 'result'>;

  constructor(registry: Registry, gauges: () => StoreGauges | undefined) {
    this.#statements = new Distribution(registry, {
      name: 'assessment_store_statement_seconds',
      help: 'Time of SQL statements, by name, with the wait for a connection.',
      ...{ label: 'statement', buckets: shortTimes },
    });
    this.#failures = new Tally(registry, {
      name: 'assessment_store_statement_failures_total',
      help: 'SQL statements that failed, by name.',
      labels: ['statement'],
    });
    this.#batches = new Distribution(registry, {
      name: 'assessment_store_command_batch_size',
      help: 'How many commands a statement was for.',
      ...{ label: 'command', buckets: sizes },
    });
    for (const statement of batchedStatements) this.#batches.begin(statement);
    this.#cache = new Tally(registry, {
      name: 'assessment_store_cache_requests_total',
      help: 'Assessments looked for in each level of the cache.',
      labels: ['level', 'result'],
    });
    for (const result of ['hit', 'miss']) this.#cache.add(0, 'memory', result);
    for (const add of [cacheEntries, poolConnections, poolWaiting, poolSize, redisConnections]) add(registry, gauges);
  }

  statement(name: string, tookMs: number, failed: boolean): void {
    this.#statements.observe(name, tookMs / 1_000);
    this.#failures.add(failed ? 1 : 0, name);
  }

  batch(statement: string, size: number): void {
    this.#batches.observe(statement, size);
  }

  cacheRead(level: string, asked: number, found: number): void {
    this.#cache.add(found, level, 'hit');
    this.#cache.add(asked - found, level, 'miss');
  }
}

type Add = (registry: Registry, gauges: () => StoreGauges | undefined) => void;

const cacheEntries: Add = (registry, gauges) =>
  void new Gauge({
    ...{ name: 'assessment_store_cache_entries', help: 'Assessments in the memory cache.', registers: [registry] },
    collect() {
      this.set(gauges()?.cached ?? 0);
    },
  });

const poolConnections: Add = (registry, gauges) =>
  void new Gauge({
    ...{ name: 'assessment_store_database_connections', help: 'Open database connections of this instance.', registers: [registry] },
    labelNames: ['state'],
    collect() {
      const { open = 0, idle = 0 } = gauges()?.pool ?? {};
      this.set({ state: 'in_use' }, open - idle);
      this.set({ state: 'idle' }, idle);
    },
  });

const poolWaiting: Add = (registry, gauges) =>
  void new Gauge({
    ...{ name: 'assessment_store_database_waiting', help: 'Calls that wait for a database connection.', registers: [registry] },
    collect() {
      this.set(gauges()?.pool.waiting ?? 0);
    },
  });

const poolSize: Add = (registry, gauges) =>
  void new Gauge({
    ...{ name: 'assessment_store_database_connections_max', help: 'DATABASE_POOL_SIZE.', registers: [registry] },
    collect() {
      this.set(gauges()?.pool.most ?? 0);
    },
  });

const redisConnections: Add = (registry, gauges) =>
  void new Gauge({
    ...{
      name: 'assessment_store_redis_connected',
      help: 'Whether a connection to Redis is up; none without REDIS_URL.',
      registers: [registry],
    },
    labelNames: ['connection'],
    collect() {
      for (const { connection, connected } of gauges()?.redis ?? []) this.set({ connection }, Number(connected));
    },
  });
