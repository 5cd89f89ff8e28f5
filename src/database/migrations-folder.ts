import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** prisma/migrations of this package: the same two folders up from src/database and from dist/database. */
export const defaultMigrationsDir = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

export interface Migration {
  readonly name: string;
  readonly script: string;
}

/** The names of all migrations, oldest first. */
export async function listMigrationNames(migrationsDir: string = defaultMigrationsDir): Promise<string[]> {
  const entries = await readdir(migrationsDir, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** All migrations, oldest first. */
export async function readMigrations(migrationsDir: string = defaultMigrationsDir): Promise<Migration[]> {
  const names = await listMigrationNames(migrationsDir);
  return Promise.all(names.map(async (name) => ({ name, script: await readFile(join(migrationsDir, name, 'migration.sql'), 'utf8') })));
}

/** Whether the script is the one that was applied; a checkout that turned line ends into CRLF has not changed it. */
export function matchesChecksum(script: string, checksum: string): boolean {
  const unix = script.replaceAll('\r\n', '\n');
  return [script, unix, unix.replaceAll('\n', '\r\n')].some((text) => createHash('sha256').update(text).digest('hex') === checksum);
}
