import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartupError } from '../startup-error.ts';
import { connectToDatabase } from './connection.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import type { DatabaseLog } from './log.ts';
import { migrate } from './migrate.ts';
import { defaultMigrationsDir } from './migrations-folder.ts';
import { engineMessage, noFilters, withSchemaEngine } from './schema-engine.ts';

export interface DiffOptions {
  /** A server on which a database may be created; absent: an embedded one, in a temporary folder. */
  readonly databaseUrl?: string | undefined;
  readonly log: DatabaseLog;
  readonly migrationsDir?: string;
  readonly schemaPath?: string;
}

const defaultSchemaPath = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url));

/**
 * Compares what the migrations make (applied to a shadow database, which is dropped again) with prisma/schema.prisma.
 * What Prisma has no words for (triggers, functions, CHECKs, partial indexes, collations, storage parameters) is not compared.
 *
 * @returns null when they agree, otherwise what would have to change in the database to match the schema, as text.
 * @throws StartupError when the server can't be used or a migration fails; Error when the schema is not valid.
 */
export async function diffSchema(options: DiffOptions): Promise<string | null> {
  if (options.databaseUrl !== undefined) return diffOnServer(options.databaseUrl, options);
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-diff-'));
  try {
    // Another account has to pass through it when we are root.
    await chmod(folder, 0o711);
    const server = await startEmbeddedPostgres({ dataDir: folder, log: options.log });
    try {
      return await diffOnServer(server.url, options);
    } finally {
      await server.stop();
      await rm(server.dataFolder, { recursive: true, force: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function diffOnServer(serverUrl: string, options: DiffOptions): Promise<string | null> {
  const { log, migrationsDir = defaultMigrationsDir, schemaPath = defaultSchemaPath } = options;
  const schema = await readFile(schemaPath, 'utf8');
  return withShadowDatabase(serverUrl, log, async (databaseUrl) => {
    await migrate({ databaseUrl, log, migrationsDir });
    const files = [{ path: schemaPath, content: schema }];
    const { exitCode, stdout } = await withSchemaEngine(databaseUrl, (engine) =>
      engine.diff({
        from: { tag: 'schemaDatasource', files, configDir: dirname(schemaPath) },
        to: { tag: 'schemaDatamodel', files },
        script: false,
        exitCode: true,
        filters: noFilters,
      }),
    ).catch((cause: unknown) => {
      throw new Error(`prisma/schema.prisma and the migrations can't be compared: ${engineMessage(cause)}`, { cause });
    });
    return exitCode === 0 ? null : (stdout ?? '').trim();
  });
}

async function withShadowDatabase<T>(serverUrl: string, log: DatabaseLog, use: (databaseUrl: string) => Promise<T>): Promise<T> {
  const name = `assessment_store_shadow_${randomUUID().replaceAll('-', '')}`;
  const admin = await connectToDatabase({ databaseUrl: serverUrl, log });
  try {
    await admin.query(`create database ${name} template template0`).catch((cause: Error) => {
      throw new StartupError(
        'DATABASE_UNREACHABLE',
        `The comparison needs a database of its own for a moment, and could not create it: ${cause.message}`,
        { cause },
      );
    });
    return await use(withDatabase(serverUrl, name)).finally(() => admin.query(`drop database if exists ${name} with (force)`));
  } finally {
    await admin.end();
  }
}

function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
