import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { StartupError } from '../startup-error.ts';
import { connectToDatabase, describeDatabase } from './connection.ts';
import type { DatabaseLog } from './log.ts';
import { type MigrationHistory, readHistory } from './migration-history.ts';
import { defaultMigrationsDir, type Migration, readMigrations } from './migrations-folder.ts';
import { engineMessage, noFilters, toMigrationList, withSchemaEngine } from './schema-engine.ts';

export interface MigrateOptions {
  readonly databaseUrl: string;
  readonly log: DatabaseLog;
  /** prisma/migrations of this package unless said otherwise. */
  readonly migrationsDir?: string;
  /** How long to wait for a database that is still starting; 10,000 ms unless said otherwise. */
  readonly connectTimeoutMs?: number;
}

/**
 * Brings the database up to the migrations of this code. Any number of instances may call it at once: one applies, the others wait for it and find
 * nothing left to do. With nothing to do it costs a connection and four short queries; the schema engine is loaded only when there is.
 *
 * @returns the names of the migrations that this call applied, oldest first.
 * @throws StartupError DATABASE_UNREACHABLE; DATABASE_NEWER when the database has migrations that this code does not know;
 *   MIGRATION_FAILED when one fails, failed earlier or was edited afterwards, when the server is older than PostgreSQL 15, or when the login may not act
 *   as the owner of the tables.
 */
export async function migrate(options: MigrateOptions): Promise<{ applied: string[] }> {
  const migrationsDir = options.migrationsDir ?? defaultMigrationsDir;
  const migrations = await readMigrations(migrationsDir);
  return withConnection(options, async (client) => {
    requireSupportedServer(await serverVersion(client));
    await refuseStranger(client);
    if (!needsWork(await judge(client, migrations, options))) return { applied: [] };
    return underMigrationLock(client, options.log, async () => {
      const history = await judge(client, migrations, options);
      refuseUnfinished(history);
      return needsWork(history) ? apply(options, migrationsDir, migrations, client) : { applied: [] };
    });
  });
}

/**
 * Records how a failed migration was dealt with by hand: `rolled-back` (nothing of it is left: the next start applies it again) or
 * `applied` (all of it was completed).
 *
 * @throws StartupError as `migrate` does; MIGRATION_FAILED when there is no such migration, or it did not fail.
 */
export async function resolveMigration(options: MigrateOptions, name: string, outcome: 'rolled-back' | 'applied'): Promise<void> {
  const migrationsDir = options.migrationsDir ?? defaultMigrationsDir;
  const migrations = await readMigrations(migrationsDir);
  await withConnection(options, (client) =>
    underMigrationLock(client, options.log, async () => {
      const { unfinished } = await readHistory(async (sql) => (await client.query(sql)).rows, migrations);
      // Asked here: the engine would also take one that was dealt with before, and change nothing.
      if (!unfinished.some((migration) => migration.name === name))
        throw unresolvable(name, outcome, 'no migration of that name has failed.');
      await withSchemaEngine(options.databaseUrl, async (engine) => {
        const migrationsList = toMigrationList(migrationsDir, migrations);
        if (outcome === 'applied') await engine.markMigrationApplied({ migrationName: name, migrationsList });
        else await engine.markMigrationRolledBack({ migrationName: name });
      }).catch((cause: unknown) => {
        throw unresolvable(name, outcome, engineMessage(cause), cause);
      });
    }),
  );
}

function unresolvable(name: string, outcome: string, why: string, cause?: unknown): StartupError {
  return new StartupError('MIGRATION_FAILED', `Migration ${name} can't be marked as ${outcome}: ${why}`, { cause });
}

/** @throws StartupError MIGRATION_FAILED below PostgreSQL 15. `versionNumber` is the server's server_version_num, such as 150004. */
export function requireSupportedServer(versionNumber: number): void {
  if (versionNumber >= 150_000) return;
  throw new StartupError(
    'MIGRATION_FAILED',
    `The server is PostgreSQL ${Math.floor(versionNumber / 10_000)}, and PostgreSQL 15 or later is needed. Nothing was changed.`,
  );
}

/** Row-level security shows nothing to who is not the owner: a service that sees no assessments must not start as if there were none. */
async function refuseStranger(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ owner: string; login: string }>(
    `select quote_ident(pg_get_userbyid(c.relowner)) as owner, quote_ident(current_user) as login from pg_class c
     where c.oid = to_regclass('assessment_states') and not pg_has_role(c.relowner, 'usage')`,
  );
  const [found] = rows;
  if (found === undefined) return;
  throw new StartupError(
    'MIGRATION_FAILED',
    `The tables belong to ${found.owner}, and the login ${found.login} may not act as that role: row-level security would show it no assessments. ` +
      `Connect as ${found.owner}, or have an administrator run: grant ${found.owner} to ${found.login};`,
  );
}

async function withConnection<T>(
  { databaseUrl, log, connectTimeoutMs }: MigrateOptions,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connectToDatabase({ databaseUrl, log, timeoutMs: connectTimeoutMs });
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Reads the history, and refuses what no waiting for another instance could mend. */
async function judge(client: pg.Client, migrations: readonly Migration[], { databaseUrl }: MigrateOptions): Promise<MigrationHistory> {
  const history = await readHistory(async (sql) => (await client.query(sql)).rows, migrations);
  if (history.unknown.length > 0) {
    throw new StartupError(
      'DATABASE_NEWER',
      `The database ${describeDatabase(databaseUrl)} has migrations that this version of the service does not know: ${history.unknown.join(', ')}. ` +
        'It was used by a newer version: deploy that one (or a later).',
    );
  }
  if (history.edited.length > 0) {
    throw new StartupError(
      'MIGRATION_FAILED',
      `Changed after being applied: ${history.edited.join(', ')}. Restore the file (prisma/migrations/<name>/migration.sql) as it was, and put the change into a new migration.`,
    );
  }
  return history;
}

function needsWork({ pending, unfinished }: MigrationHistory): boolean {
  return pending.length > 0 || unfinished.length > 0;
}

/** To be called under the lock: without it an unfinished migration may be one that another instance is applying. */
function refuseUnfinished({ unfinished: [first] }: MigrationHistory): void {
  if (first !== undefined) throw failedMigration(first.name, `failed earlier: ${first.logs ?? 'it was interrupted, with nothing noted'}`);
}

async function apply(
  { databaseUrl, log }: MigrateOptions,
  migrationsDir: string,
  migrations: readonly Migration[],
  client: pg.Client,
): Promise<{ applied: string[] }> {
  const startedAt = performance.now();
  try {
    const { appliedMigrationNames: applied } = await withSchemaEngine(databaseUrl, (engine) =>
      engine.applyMigrations({ migrationsList: toMigrationList(migrationsDir, migrations), filters: noFilters }),
    );
    log.info({ applied, durationMs: Math.round(performance.now() - startedAt) }, 'migrations applied');
    return { applied };
  } catch (cause) {
    // The database may be gone by now: then what the engine said has to do.
    const history = await readHistory(async (sql) => (await client.query(sql)).rows, migrations).catch(() => null);
    const begun = history?.unfinished[0];
    if (begun !== undefined) throw failedMigration(begun.name, `failed: ${engineMessage(cause)}`, cause);
    throw new StartupError(
      'MIGRATION_FAILED',
      `The database ${describeDatabase(databaseUrl)} could not be migrated: ${engineMessage(cause)} ` +
        'The service needs a database of its own, empty at the first start.',
      { cause },
    );
  }
}

function failedMigration(name: string, what: string, cause?: unknown): StartupError {
  return new StartupError(
    'MIGRATION_FAILED',
    `Migration ${name} ${what}. A migration is one transaction unless its text says otherwise, so as a rule nothing of it is left: mend the cause, ` +
      `then run "npm run db:migrate -- --rolled-back ${name}" and start again (or "--applied ${name}" when you have completed it by hand).`,
    { cause },
  );
}

async function serverVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ number: number }>(`select current_setting('server_version_num')::int as number`);
  return rows[0]?.number ?? 0;
}

/** Ours alone; any number will do that no other software on the same database uses. */
const lockKey = '7021867346410226';
const lockPollMs = 100;
const lockNoticeAfterMs = 5_000;

/**
 * A session lock of its own connection: it is free the moment its holder dies. Asked for again and again rather than waited for, since a statement that
 * waits holds a snapshot, and a CREATE INDEX CONCURRENTLY in the migration would wait for that snapshot in turn.
 */
async function underMigrationLock<T>(client: pg.Client, log: DatabaseLog, work: () => Promise<T>): Promise<T> {
  const noticeAt = Date.now() + lockNoticeAfterMs;
  let noticed = false;
  while (!(await tryLock(client))) {
    if (!noticed && Date.now() > noticeAt) {
      noticed = true;
      log.info({}, 'another instance is migrating the database: waiting for it');
    }
    await delay(lockPollMs);
  }
  try {
    return await work();
  } finally {
    await client.query(`select pg_advisory_unlock(${lockKey})`).catch(() => undefined);
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(`select pg_try_advisory_lock(${lockKey}) as locked`);
  return rows[0]?.locked === true;
}
