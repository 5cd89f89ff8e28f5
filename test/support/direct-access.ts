import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { grantDirectAccess } from '../../src/database/direct-access.ts';
import type { TestDatabase } from './test-database.ts';

/** Two group roles of a test's own, with a login in each: roles belong to the whole server, which other tests share. */
export interface DirectAccess {
  reader: string;
  operator: string;
  /** A connection of a login in the group. */
  connectAs(group: 'reader' | 'operator'): Promise<pg.Client>;
  /** The login that is in the group. */
  loginOf(group: 'reader' | 'operator'): string;
  /** Ends the connections and drops the roles; to be called while the database is still there. */
  drop(): Promise<void>;
}

const silent = { info: () => {}, warn: () => {}, error: () => {} };

export async function openDirectAccess(database: TestDatabase): Promise<DirectAccess> {
  const suffix = randomUUID().replaceAll('-', '').slice(0, 12);
  const [reader, operator] = [`test_reader_${suffix}`, `test_operator_${suffix}`];
  await grantDirectAccess({ databaseUrl: database.url, log: silent, reader, operator });
  const groups = { reader, operator };
  const loginOf = (group: keyof typeof groups): string => `${groups[group]}_login`;
  const admin = await database.connect();
  // A password whatever the server asks for: without one it may let nobody in.
  for (const [group, role] of Object.entries(groups) as [keyof typeof groups, string][])
    await admin.query(`create role ${loginOf(group)} login password '${suffix}' in role ${role}`);
  const clients: pg.Client[] = [];
  return {
    ...groups,
    loginOf,
    connectAs: async (group) => {
      const client = new pg.Client(Object.assign(new URL(database.url), { username: loginOf(group), password: suffix }).href);
      await client.connect();
      clients.push(client);
      return client;
    },
    drop: async () => {
      await Promise.all(clients.map((client) => client.end()));
      for (const role of [loginOf('reader'), loginOf('operator'), reader, operator]) {
        await admin.query(`drop owned by ${role}`);
        await admin.query(`drop role ${role}`);
      }
    },
  };
}
