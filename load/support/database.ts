import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';

/** A PostgreSQL server, by a role that may create databases. */
export interface PostgresServer {
  url: string;
  /** For the report: which it is. */
  name: string;
  /** Drops a database, whoever is connected to it; one that is not there is no error. */
  dropDatabase(name: string): Promise<void>;
  /** Stops it where it was started for this run. */
  stop(): Promise<void>;
}

/** A database of the run's own. */
export interface LoadDatabase {
  url: string;
  /** Runs a statement on a connection beside the service's own. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

/** The server of DATABASE_URL, else an embedded one with its data in a temporary folder. */
export async function findPostgres(): Promise<PostgresServer> {
  const given = process.env['DATABASE_URL'];
  if (given) return { url: given, name: await versionOf(given), dropDatabase: (name) => dropDatabase(given, name), stop: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-load-'));
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const embedded = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log: silent });
  return {
    url: embedded.url,
    name: `${await versionOf(embedded.url)} (embedded)`,
    dropDatabase: (name) => dropDatabase(embedded.url, name),
    stop: async () => {
      await embedded.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes an empty database; the service migrates it when it starts. */
export async function createLoadDatabase(server: PostgresServer): Promise<LoadDatabase> {
  const name = `assessment_load_${process.pid}_${Date.now().toString(36)}`;
  await query(server.url, `create database ${name}`);
  const url = Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
  return {
    url,
    query: (sql, values) => query(url, sql, values),
    drop: () => server.dropDatabase(name),
  };
}

async function dropDatabase(url: string, name: string): Promise<void> {
  await query(url, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
}

async function versionOf(url: string): Promise<string> {
  const [row] = await query<{ server_version: string }>(url, 'show server_version');
  return `PostgreSQL ${row?.server_version.split(' ')[0]}`;
}

async function query<Row extends pg.QueryResultRow>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}
