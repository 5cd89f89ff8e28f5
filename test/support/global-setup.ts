import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { freePort } from './free-port.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A PostgreSQL server, by a role that may create databases. */
    serverUrl: string;
    /** A migrated database that tests clone. */
    templateDatabase: string;
    /** A Redis server; empty when there is none. */
    redisUrl: string;
  }
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Finds or starts the servers that the tests need, and makes the template database. Gives what stops and removes them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await findPostgres();
  const redis = await findRedis();
  const template = `assessment_template_${process.pid}`;
  const admin = new pg.Client(postgres.url);
  await admin.connect();
  await admin.query(`create database ${template}`);
  await migrate({ databaseUrl: databaseUrl(postgres.url, template), log: silent });
  project.provide('serverUrl', postgres.url);
  project.provide('templateDatabase', template);
  project.provide('redisUrl', redis.url);
  return async () => {
    await admin.query(`drop database if exists ${template} with (force)`);
    await admin.end();
    await redis.stop();
    await postgres.stop();
  };
}

const databaseUrl = (server: string, database: string): string => Object.assign(new URL(server), { pathname: `/${database}` }).href;

interface Server {
  url: string;
  stop: () => Promise<void>;
}

async function findPostgres(): Promise<Server> {
  const given = process.env['DATABASE_URL'];
  if (given) return { url: given, stop: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-test-'));
  await chmod(folder, 0o755); // should the tests run as root, the system user `postgres` must get at it
  const embedded = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log: silent });
  return {
    url: embedded.url,
    stop: async () => {
      await embedded.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function findRedis(): Promise<Server> {
  const given = process.env['REDIS_URL'];
  if (given) return { url: given, stop: async () => {} };
  const port = await freePort();
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  const failed = Promise.race([once(server, 'error'), once(server, 'exit')]).then(() => true);
  // Not by connect(): that gives up at the first attempt, and the server may not listen yet. A command waits for the connection.
  const client = new Redis({ port, retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => {});
  const started = client.ping().then(() => false);
  started.catch(() => {}); // disconnected because the server is missing
  const missing = await Promise.race([failed, started]);
  client.disconnect();
  if (missing) {
    console.warn(
      '\n*** No Redis: the tests of several instances over Redis are SKIPPED. Set REDIS_URL, or install redis-server (apt-get install redis-server). ***\n',
    );
    return { url: '', stop: async () => {} };
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      server.kill('SIGTERM');
      await once(server, 'exit');
    },
  };
}
