import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../src/database/migrate.ts';
import { type Contents, contentsOf, differencesOf } from './contents.ts';
import { runTool } from './postgres-tools.ts';
import { faultsOf } from './prove.ts';

export interface DrillOptions {
  /** The database to back up: it is read, and otherwise left alone. */
  databaseUrl: string;
  /** A server to restore to, by a role that may create databases there; without it the same server. */
  restoreUrl?: string | undefined;
  /** Told of each step. */
  tell: (text: string) => void;
}

/** What the drill has found. */
export interface DrillReport {
  contents: Contents;
  dumpBytes: number;
  dumpMs: number;
  restoreMs: number;
  /** What is not as it must be, in words; none when the backup is good. */
  problems: string[];
}

/**
 * Backs up a live database with pg_dump, restores it into a new one, and proves that: every table holds what it held in the snapshot that
 * was dumped; the migrations are up to date; an assessment can be created, claimed and completed there, audited; and the database
 * refuses what the lifecycle does not allow. The copy and the dump are removed in the end.
 * @throws Error when a step cannot be carried out
 */
export async function drillRestore({ databaseUrl, restoreUrl = databaseUrl, tell }: DrillOptions): Promise<DrillReport> {
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-drill-'));
  const copy = `assessment_drill_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  const copyUrl = Object.assign(new URL(restoreUrl), { pathname: `/${copy}` }).href;
  try {
    const file = join(folder, 'backup.dump');
    const { contents, ms: dumpMs } = await dump(databaseUrl, file);
    const { size: dumpBytes } = await stat(file);
    tell(`dumped ${dumpBytes} bytes in ${Math.round(dumpMs)} ms`);
    await onServer(restoreUrl, `create database ${copy}`);
    const begun = performance.now();
    await runTool('pg_restore', copyUrl, ['--exit-on-error', '--no-owner', '--dbname', copy, file]);
    const restoreMs = performance.now() - begun;
    tell(`restored in ${Math.round(restoreMs)} ms`);
    const differences = await withClient(copyUrl, async (client) => differencesOf(contents, await contentsOf(client)));
    tell(differences.length === 0 ? 'every table holds what it held when it was dumped' : 'the copy is not what was dumped');
    const problems = [...differences, ...(await proofOf(copyUrl))];
    return { contents, dumpBytes, dumpMs, restoreMs, problems };
  } finally {
    await onServer(restoreUrl, `drop database if exists ${copy} with (force)`);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Dumps a snapshot of the database, and reads what every table holds in the same snapshot: changes may go on meanwhile. */
function dump(databaseUrl: string, file: string): Promise<{ contents: Contents; ms: number }> {
  return withClient(databaseUrl, async (client) => {
    await client.query('begin isolation level repeatable read read only');
    const { rows } = await client.query<{ snapshot: string }>('select pg_export_snapshot() as snapshot');
    const begun = performance.now();
    await runTool('pg_dump', databaseUrl, ['--format=custom', `--snapshot=${rows[0]?.snapshot}`, `--file=${file}`]);
    const ms = performance.now() - begun;
    const contents = await contentsOf(client);
    await client.query('commit');
    return { contents, ms };
  });
}

/** What is wrong with the copy as a database of the service. */
async function proofOf(copyUrl: string): Promise<string[]> {
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const { applied } = await migrate({ databaseUrl: copyUrl, log: silent });
  const missing = applied.map((name) => `the migration ${name} was missing`);
  return [...missing, ...(await faultsOf(copyUrl))];
}

async function onServer(url: string, sql: string): Promise<void> {
  await withClient(url, (client) => client.query(sql));
}

async function withClient<Result>(url: string, act: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}
