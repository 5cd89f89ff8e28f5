import { parseArgs } from 'node:util';
import { parseDatabaseConfig, readEnvironment } from '../config.ts';
import { runTool } from './console-log.ts';
import { runMigrations } from './run-migrations.ts';

const { values } = parseArgs({ options: { 'rolled-back': { type: 'string' }, applied: { type: 'string' } } });

await runTool(() => runMigrations(parseDatabaseConfig(readEnvironment()), { rolledBack: values['rolled-back'], applied: values.applied }));
