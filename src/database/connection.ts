import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { StartupError } from '../startup-error.ts';
import type { DatabaseLog } from './log.ts';

export interface ConnectOptions {
  readonly databaseUrl: string;
  readonly log: DatabaseLog;
  /** How long to go on trying while the server is not there yet or is still starting; 10,000 ms unless said otherwise. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Opens one connection, with patience for a server that is just starting, and none for a wrong password or database name.
 * The caller ends it.
 *
 * @throws StartupError DATABASE_UNREACHABLE naming host, port and database, never the password.
 */
export async function connectToDatabase({ databaseUrl, log, timeoutMs = 10_000 }: ConnectOptions): Promise<pg.Client> {
  const deadline = Date.now() + timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    const client = createClient(databaseUrl, Math.max(1, deadline - Date.now()));
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      const pauseMs = Math.min(2_000, 100 * 2 ** attempt);
      if (!mayPass(error) || Date.now() + pauseMs >= deadline) throw unreachable(describeTarget(client), error);
      if (attempt === 1)
        log.info({ database: describeTarget(client), cause: reasonOf(error) }, 'the database is not there yet: trying again');
      await delay(pauseMs);
    }
  }
}

/** host:port/database of a connection string, for messages: without user and password. */
export function describeDatabase(databaseUrl: string): string {
  return describeTarget(createClient(databaseUrl, 1));
}

function createClient(databaseUrl: string, connectionTimeoutMillis: number): pg.Client {
  try {
    const client = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis,
      keepAlive: true,
      application_name: 'assessment-store migrate',
    });
    // A connection that breaks between two statements is reported by the next one; without a listener it would end the process.
    client.on('error', () => undefined);
    return client;
  } catch {
    // Not passed on as a cause: it may quote the URL with its password.
    throw new StartupError(
      'DATABASE_UNREACHABLE',
      'DATABASE_URL is no valid connection string: expected postgresql://user:password@host:port/database.',
    );
  }
}

function describeTarget(client: pg.Client): string {
  return `${client.host}:${client.port}/${client.database ?? ''}`;
}

/** Refused, unresolved or silent (a server or a network that is just starting), still starting or stopping (57P0x), or full (53300). */
const passing = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  '57P01',
  '57P02',
  '57P03',
  '53300',
]);

function mayPass(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return passing.has(code ?? '') || /terminated unexpectedly|timeout expired/.test(message ?? '');
}

function unreachable(target: string, error: unknown): StartupError {
  return new StartupError(
    'DATABASE_UNREACHABLE',
    `The database ${target} can't be reached: ${reasonOf(error)}. Check that PostgreSQL runs there and that DATABASE_URL has the right host, port, user, password and database.`,
    { cause: error },
  );
}

function reasonOf(error: unknown): string {
  // A name with several addresses fails with one error for each, and no message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
