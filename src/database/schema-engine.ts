import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { SchemaEngineAdapter } from './engine-adapter.ts';
import type { Migration } from './migrations-folder.ts';

/** Every table and enum is Prisma's own business here. */
export const noFilters = { externalTables: [], externalEnums: [] };

/**
 * Runs Prisma's schema engine (WebAssembly, 5 MB, loaded on the first call in about 50 ms) on a database, and closes its connection.
 * @throws whatever the engine rejects with; its message is made readable by `engineMessage`.
 */
export async function withSchemaEngine<T>(databaseUrl: string, use: (engine: SchemaEngine) => Promise<T>): Promise<T> {
  // One connection: the engine's own session lock and its statements must share it.
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, application_name: 'assessment-store migrate' });
  pool.on('error', () => undefined);
  const panic = watchForPanic();
  try {
    return await Promise.race([runEngine(pool, use), panic.happened]);
  } finally {
    panic.unwatch();
    await pool.end();
  }
}

async function runEngine<T>(pool: pg.Pool, use: (engine: SchemaEngine) => Promise<T>): Promise<T> {
  loaded ??= loadEngine();
  const { SchemaEngine: Engine } = await loaded;
  const adapter = bindMigrationAwareSqlAdapterFactory(new SchemaEngineAdapter(pool));
  const engine = await Engine.new({ datamodels: undefined }, () => undefined, adapter);
  try {
    return await use(engine);
  } finally {
    engine.free();
  }
}

/** The migrations as the engine wants them. */
export function toMigrationList(migrationsDir: string, migrations: readonly Migration[]): MigrationList {
  return {
    baseDir: migrationsDir,
    lockfile: { path: join(migrationsDir, 'migration_lock.toml'), content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script } },
    })),
  };
}

/** What an engine error says, without the Rust frames that follow. */
export function engineMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(/\n\s+0: /)[0]?.trim() ?? message;
}

interface EngineModule {
  readonly SchemaEngine: typeof SchemaEngine;
  readonly __wbg_set_wasm: (exports: unknown) => void;
}

let loaded: Promise<EngineModule> | undefined;

// Node's own, but declared by TypeScript only in the DOM library.
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

/** The package's main module imports the .wasm file as a module, which Node can't; so its two halves are joined by hand. */
async function loadEngine(): Promise<EngineModule> {
  const path = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const [glue, bytes] = await Promise.all([
    import('@prisma/schema-engine-wasm/schema_engine_bg'),
    readFile(path.replace(/\.js$/, '.wasm')),
  ]);
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': withUnrefTimers(glue) });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return glue;
}

/** The engine leaves a 10 s timer behind (the deadline of its lock), which would hold up the end of a command-line tool by as much. */
function withUnrefTimers(glue: object): Record<string, unknown> {
  const setTimer = (callback: () => void, ms: number) => setTimeout(callback, ms).unref();
  return Object.fromEntries(Object.entries(glue).map(([name, value]) => [name, name.startsWith('__wbg_setTimeout_') ? setTimer : value]));
}

interface PanicRegistry {
  PRISMA_WASM_PANIC_REGISTRY?: { set_message(message: string): void } | undefined;
}

/** A panic in the engine never settles its promise: it only calls this hook. Prisma Client uses the same one, so it is put back. */
function watchForPanic(): { happened: Promise<never>; unwatch: () => void } {
  const registry: PanicRegistry = globalThis as PanicRegistry;
  const previous = registry.PRISMA_WASM_PANIC_REGISTRY;
  let report: (error: Error) => void = () => undefined;
  const happened = new Promise<never>((_, reject) => {
    report = reject;
  });
  happened.catch(() => undefined);
  registry.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => report(new Error(`the schema engine broke down: ${message}`)) };
  return {
    happened,
    unwatch: () => {
      registry.PRISMA_WASM_PANIC_REGISTRY = previous;
    },
  };
}
