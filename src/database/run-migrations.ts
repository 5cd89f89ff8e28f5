import type { Config } from '../config.ts';
import { consoleLog as log } from './console-log.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { migrate, resolveMigration } from './migrate.ts';

/** Migrations that failed, by name, and how they were dealt with by hand; see resolveMigration. */
export interface Resolved {
  readonly rolledBack?: string | undefined;
  readonly applied?: string | undefined;
}

/**
 * Brings the configured database, or the embedded one, up to the migrations of this code, and says on standard output what was done. Gives the
 * exit code.
 * @throws StartupError as `migrate` does
 */
export async function runMigrations(
  { DATABASE_URL, DATA_DIR }: Pick<Config, 'DATABASE_URL' | 'DATA_DIR'>,
  resolved: Resolved,
): Promise<number> {
  if (DATABASE_URL !== undefined) return run(DATABASE_URL, resolved);
  const server = await startEmbeddedPostgres({ dataDir: DATA_DIR, log });
  return run(server.url, resolved).finally(() => server.stop());
}

async function run(databaseUrl: string, { rolledBack, applied: completed }: Resolved): Promise<number> {
  if (rolledBack !== undefined) await resolveMigration({ databaseUrl, log }, rolledBack, 'rolled-back');
  if (completed !== undefined) await resolveMigration({ databaseUrl, log }, completed, 'applied');
  const { applied } = await migrate({ databaseUrl, log });
  console.log(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`);
  return 0;
}
