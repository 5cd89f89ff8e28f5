import { listMigrationNames, type Migration, matchesChecksum } from './migrations-folder.ts';

/** Runs one SQL text without parameters and gives the rows as objects, such as `(sql) => prisma.$queryRawUnsafe(sql)`. */
export type RunSql = (sql: string) => Promise<readonly unknown[]>;

/** How the database stands to the migrations of this code. */
export interface MigrationStatus {
  /** Not applied yet, oldest first. */
  readonly pending: readonly string[];
  /** Applied, but not among ours: the database is newer than the code. */
  readonly unknown: readonly string[];
}

export interface MigrationHistory extends MigrationStatus {
  /** Begun and never finished: they failed, or are being applied right now by whoever holds the lock. */
  readonly unfinished: readonly { readonly name: string; readonly logs: string | null }[];
  /** Applied from another text than the one that stands in the folder now. */
  readonly edited: readonly string[];
}

interface HistoryRow {
  readonly name: string;
  readonly checksum: string;
  readonly finished: boolean;
  readonly logs: string | null;
}

/** What is pending and what is unknown, by name: two short queries, for the readiness check. */
export async function pendingMigrations(query: RunSql, migrationsDir?: string): Promise<MigrationStatus> {
  const [names, rows] = await Promise.all([listMigrationNames(migrationsDir), readRows(query)]);
  return compareNames(names, rows);
}

/** The full comparison, texts included. */
export async function readHistory(query: RunSql, migrations: readonly Migration[]): Promise<MigrationHistory> {
  const rows = await readRows(query);
  const scripts = new Map(migrations.map(({ name, script }) => [name, script]));
  const names = [...scripts.keys()];
  return {
    ...compareNames(names, rows),
    unfinished: rows.filter((row) => !row.finished).map(({ name, logs }) => ({ name, logs })),
    edited: rows.filter((row) => row.finished && isEdited(scripts.get(row.name), row.checksum)).map((row) => row.name),
  };
}

function compareNames(names: readonly string[], rows: readonly HistoryRow[]): MigrationStatus {
  const finished = new Set(rows.filter((row) => row.finished).map((row) => row.name));
  return {
    pending: names.filter((name) => !finished.has(name)),
    unknown: rows.map((row) => row.name).filter((name) => !names.includes(name)),
  };
}

function isEdited(script: string | undefined, checksum: string): boolean {
  return script !== undefined && !matchesChecksum(script, checksum);
}

async function readRows(query: RunSql): Promise<HistoryRow[]> {
  const [table] = (await query(`select to_regclass('_prisma_migrations') is not null as present`)) as [{ present: boolean }];
  if (!table.present) return [];
  return (await query(
    `select migration_name as name, checksum, finished_at is not null as finished, logs
       from _prisma_migrations where rolled_back_at is null order by started_at`,
  )) as HistoryRow[];
}
