import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

/** A database of a test's own, cloned from the migrated template. */
export interface TestDatabase {
  url: string;
  /** A plain connection, as an operator with psql has it. */
  connect(): Promise<pg.Client>;
  drop(): Promise<void>;
}

export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `assessment_test_${randomUUID().replaceAll('-', '')}`;
  await onServer(`create database ${name} template ${inject('templateDatabase')}`);
  const url = Object.assign(new URL(inject('serverUrl')), { pathname: `/${name}` }).href;
  const clients: pg.Client[] = [];
  return {
    url,
    connect: async () => {
      const client = new pg.Client(url);
      client.on('error', () => {}); // a test may end connections on purpose; the statement that meets it fails by itself
      await client.connect();
      clients.push(client);
      return client;
    },
    drop: async () => {
      await Promise.all(clients.map((client) => client.end().catch(() => {})));
      await onServer(`drop database if exists ${name} with (force)`);
    },
  };
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client(inject('serverUrl'));
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
