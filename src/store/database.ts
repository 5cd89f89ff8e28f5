import { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import { DatabaseGuard, NotSentError } from './database-guard.ts';
import { GuardedAdapter } from './guarded-adapter.ts';
import { ObservedAdapter, type PoolUse } from './observed-adapter.ts';
import { isNoWay } from './out-of-reach.ts';
import { noTelemetry, type StoreTelemetry } from './telemetry.ts';
import type { StoreTracer } from './tracer.ts';

/** The way to the database: raw SQL by tagged templates, and Prisma's own queries. */
export type Database = PrismaClient;

export interface DatabaseOptions {
  /** postgresql://user:password@host:port/database */
  url: string;
  /** Most connections at a time. Default 10. */
  poolSize?: number;
  /** Longest time that one statement may take, in milliseconds. Default 15,000. */
  statementTimeoutMs?: number;
  /** See `StoreOptions`: the trigger that ranks a new assessment reads it from the connection. */
  priorityStepMs?: number | undefined;
  /** Told of every statement sent, with its text. */
  onStatement?: (sql: string) => void;
  /** Stands before the database; by default one of its own. */
  guard?: DatabaseGuard;
  telemetry?: StoreTelemetry;
  tracer?: StoreTracer | undefined;
}

/** How much longer than a statement may take its answer is waited for, in milliseconds. */
const silenceMs = 2_000;
/** A transaction from which nothing comes for so long is ended by the server, with its locks: its client is gone, without a word. In milliseconds. */
const idleTransactionMs = 60_000;

/** Opens a pool of connections; the first connects when it is first needed. Close with `$disconnect()`. */
export const openDatabase = (options: DatabaseOptions): Database => openPool(options).db;

/** As `openDatabase`, with a view of how the pool is used. */
export function openPool({
  url,
  poolSize = 10,
  statementTimeoutMs = 15_000,
  priorityStepMs = 300_000,
  onStatement,
  guard = new DatabaseGuard({ connections: poolSize }),
  telemetry = noTelemetry,
  tracer,
}: DatabaseOptions): { db: Database; poolUse: () => PoolUse } {
  const guarded = new GuardedAdapter(
    {
      connectionString: url,
      max: poolSize,
      connectionTimeoutMillis: 5_000,
      // The server ends a statement that takes too long. Where the network to it is gone nobody would: then the connection is given up.
      query_timeout: statementTimeoutMs + silenceMs,
      keepAlive: true,
      application_name: 'assessment-store',
      // Compiling (jit) costs 90 ms where the planner takes a short statement for a long one, and none of ours is long.
      options: `-c statement_timeout=${statementTimeoutMs} -c idle_in_transaction_session_timeout=${idleTransactionMs} -c timezone=UTC -c jit=off -c assessment_store.priority_step_ms=${priorityStepMs}`,
    },
    { statementNameGenerator: statementNames() },
    guard,
  );
  const adapter = new ObservedAdapter(guarded, { telemetry, tracer });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal', ...(onStatement && { log: [{ emit: 'event', level: 'query' }] }) });
  if (onStatement) prisma.$on('query' as never, (event: Prisma.QueryEvent) => onStatement(event.query));
  return { db: prisma as Database, poolUse: () => adapter.poolUse };
}

// The statements of the commands: always the same texts, and planning one of them takes longer than running it for a few rows.
const prepared = /^\/\* (createAssessments|transitionAssessments|claimAssessments|readByKeys|readFresh) \*\//;

/** Names the statements that each connection keeps prepared, one name for each text; no name for all others. */
function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    const [, command] = prepared.exec(sql) ?? [];
    const name = command === undefined ? '' : `${command}_${names.size}`;
    if (command !== undefined) names.set(sql, name);
    return name;
  };
}

/** The SQLSTATE that PostgreSQL refused a statement with, or undefined when the error is not PostgreSQL's answer. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return undefined;
  const cause = causeOf(error);
  return typeof cause['originalCode'] === 'string' ? cause['originalCode'] : undefined;
}

/** PostgreSQL's own message for an error, without Prisma's wrapping. */
export function databaseMessageOf(error: unknown): string {
  const message = error instanceof Prisma.PrismaClientKnownRequestError ? causeOf(error)['originalMessage'] : undefined;
  return typeof message === 'string' ? message : error instanceof Error ? error.message : String(error);
}

function causeOf(error: Prisma.PrismaClientKnownRequestError): Record<string, unknown> {
  const adapterError: unknown = error.meta?.['driverAdapterError'];
  return Object(Object(adapterError).cause);
}

/**
 * Whether the database refused what a statement holds, so that leaving out the culprit would let it pass: data exceptions (22),
 * integrity violations (23), limits of the program (54), and the guards of our own triggers (AS).
 */
export const isRefusedValue = (error: unknown): boolean => /^(22|23|54|AS)/.test(sqlStateOf(error) ?? '');

/** Whether a statement gave up waiting for what another transaction holds locked. */
export const isLockTimeout = (error: unknown): boolean => sqlStateOf(error) === '55P03';

/** Whether the same statement may well pass when it is sent again: it lost a deadlock or a serialization conflict, and did nothing. */
export const isWorthRepeating = (error: unknown): boolean => ['40001', '40P01'].includes(sqlStateOf(error) ?? '');

/** Whether an interactive transaction could not begin, or was rolled back, because its time was over. */
export const isTransactionOver = (error: unknown): boolean =>
  error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2028';

const maxRepeats = 5;

/** Runs a statement, and again after a deadlock or a serialization conflict, a few times. */
export async function repeatAfterConflict<Result>(statement: () => Promise<Result>): Promise<Result> {
  for (let repeats = 0; ; repeats++) {
    try {
      return await statement();
    } catch (error) {
      if (repeats >= maxRepeats || !isWorthRepeating(error)) throw error;
    }
  }
}

/** Whether a statement was ended because it took longer than it may. */
export const isStatementTimeout = (error: unknown): boolean =>
  sqlStateOf(error) === '57014' || /Query read timeout/.test(databaseMessageOf(error));

/** Whether a statement was not even sent, since the database is known to be away or has no connection left. */
export const isNotSent = (error: unknown): boolean => error instanceof NotSentError;

/**
 * Whether the database could not be reached, or broke the connection off: connection exceptions (08; but 08P01 is a fault of ours), no room for more
 * connections (53), a server that stops or starts (57P), and what the driver says of it.
 */
export function isDatabaseAway(error: unknown): boolean {
  if (/^(08(?!P01)|53|57P)/.test(sqlStateOf(error) ?? '') || isNoWay(error) || isNotSent(error)) return true;
  const kind = error instanceof Prisma.PrismaClientKnownRequestError ? causeOf(error)['kind'] : undefined;
  return (
    ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections', 'TlsConnectionError'].includes(String(kind)) ||
    /Connection terminated|timeout exceeded when trying to connect/.test(databaseMessageOf(error))
  );
}
