import { parseArgs } from 'node:util';
import { parseDatabaseConfig, readEnvironment } from '../config.ts';
import { consoleLog as log, runTool } from './console-log.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { migrate, resolveMigration } from './migrate.ts';

const { values } = parseArgs({ options: { 'rolled-back': { type: 'string' }, applied: { type: 'string' } } });

async function run(databaseUrl: string): Promise<number> {
  if (values['rolled-back'] !== undefined) await resolveMigration({ databaseUrl, log }, values['rolled-back'], 'rolled-back');
  if (values.applied !== undefined) await resolveMigration({ databaseUrl, log }, values.applied, 'applied');
  const { applied } = await migrate({ databaseUrl, log });
  console.log(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`);
  return 0;
}

async function runEmbedded(dataDir: string): Promise<number> {
  const server = await startEmbeddedPostgres({ dataDir, log });
  return run(server.url).finally(() => server.stop());
}

await runTool(() => {
  const { DATABASE_URL, DATA_DIR } = parseDatabaseConfig(readEnvironment());
  return DATABASE_URL === undefined ? runEmbedded(DATA_DIR) : run(DATABASE_URL);
});
