import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { type AssessmentStore, openStore, type StoreOptions } from '../../src/store/index.ts';
import { TestLog } from './test-log.ts';

/** A store on a PostgreSQL of its own, on which no transactions run but those of the test: not of other databases, and none of autovacuum. */
export interface QuietStore {
  store: AssessmentStore;
  /** A plain connection, as an operator with psql has it. */
  connect(): Promise<pg.Client>;
  stop(): Promise<void>;
}

export async function startQuietStore(options: Partial<StoreOptions> = {}): Promise<QuietStore> {
  const log = new TestLog();
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-quiet-'));
  await chmod(folder, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log });
  const clients: pg.Client[] = [];
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client(server.url);
    await client.connect();
    clients.push(client);
    return client;
  };
  const operator = await connect();
  await operator.query('alter system set autovacuum = off');
  await operator.query('select pg_reload_conf()');
  await migrate({ databaseUrl: server.url, log });
  const store = await openStore({ databaseUrl: server.url, log, ...options });
  return {
    store,
    connect,
    stop: async () => {
      await store.stop();
      await Promise.all(clients.map((client) => client.end().catch(() => {})));
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
