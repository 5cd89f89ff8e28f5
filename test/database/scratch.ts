import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject, onTestFinished } from 'vitest';
import type { DatabaseLog } from '../../src/database/log.ts';

declare module 'vitest' {
  interface ProvidedContext {
    serverUrl: string;
  }
}

/** A log that keeps its messages. */
export function keepLog(): DatabaseLog & { messages: string[] } {
  const messages: string[] = [];
  const keep = (_details: object, message: string) => void messages.push(message);
  return { messages, info: keep, warn: keep, error: keep };
}

/** Runs SQL on a connection of its own. */
export async function runSql(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client
    .query<Record<string, unknown>>(sql)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

/** An empty database on the tests' server, dropped after the test. */
export async function createDatabase(): Promise<string> {
  const name = `test_database_${randomUUID().replaceAll('-', '')}`;
  await runSql(inject('serverUrl'), `create database ${name}`);
  onTestFinished(async () => void (await runSql(inject('serverUrl'), `drop database ${name} with (force)`)));
  return urlOf(name);
}

/** The URL of another database on the tests' server. */
export function urlOf(name: string): string {
  const url = new URL(inject('serverUrl'));
  url.pathname = `/${name}`;
  return url.href;
}

/** A temporary folder that other accounts may pass through; the caller removes it. */
export async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-test-'));
  await chmod(folder, 0o755);
  return folder;
}

/** A migrations folder with these scripts, removed after the test. */
export async function writeMigrations(scripts: Record<string, string>): Promise<string> {
  const folder = await createFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(scripts)) await writeMigration(folder, name, script);
  return folder;
}

export async function writeMigration(folder: string, name: string, script: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), script);
}
