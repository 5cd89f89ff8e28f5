import type { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlDriverAdapterFactory, SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils';
import type { Pool } from 'pg';
import type { StoreTelemetry } from './telemetry.ts';
import type { StoreTracer } from './tracer.ts';

/** How the connections of the pool are used. */
export interface PoolUse {
  open: number;
  idle: number;
  waiting: number;
}

export interface Observers {
  telemetry: StoreTelemetry;
  tracer?: StoreTracer | undefined;
}

/** Prisma's way to PostgreSQL, which tells of every statement, and of the use of its pool. */
export class ObservedAdapter implements SqlDriverAdapterFactory {
  readonly provider = 'postgres';
  readonly adapterName: string;
  readonly #factory: PrismaPg;
  readonly #observers: Observers;
  #pool: Pool | undefined;

  constructor(factory: PrismaPg, observers: Observers) {
    this.#factory = factory;
    this.adapterName = this.#factory.adapterName;
    this.#observers = observers;
  }

  get poolUse(): PoolUse {
    const { totalCount: open = 0, idleCount: idle = 0, waitingCount: waiting = 0 } = this.#pool ?? {};
    return { open, idle, waiting };
  }

  async connect(): Promise<SqlDriverAdapter> {
    const adapter = await this.#factory.connect();
    this.#pool = adapter.underlyingDriver();
    this.#observe(adapter);
    const begin = adapter.startTransaction.bind(adapter);
    adapter.startTransaction = async (level) => this.#observe(await begin(level));
    return adapter;
  }

  #observe<Queryable extends SqlQueryable>(queryable: Queryable): Queryable {
    const { queryRaw, executeRaw } = queryable;
    queryable.queryRaw = (query) => this.#run(query, () => queryRaw.call(queryable, query));
    queryable.executeRaw = (query) => this.#run(query, () => executeRaw.call(queryable, query));
    return queryable;
  }

  async #run<Result>({ sql }: SqlQuery, send: () => Promise<Result>): Promise<Result> {
    const { telemetry, tracer } = this.#observers;
    const name = nameOf(sql);
    const began = performance.now();
    let failed = true;
    try {
      const result = await (tracer === undefined ? send() : tracer.statement(name, sql, send));
      failed = false;
      return result;
    } finally {
      telemetry.statement(name, performance.now() - began, failed);
    }
  }
}

/** The name of a statement of ours; Prisma's own have none. */
function nameOf(sql: string): string {
  if (!sql.startsWith('/* ')) return 'prisma';
  return sql.slice(3, sql.indexOf(' */', 3));
}
