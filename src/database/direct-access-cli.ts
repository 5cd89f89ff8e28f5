import { parseArgs } from 'node:util';
import { parseDatabaseConfig, readEnvironment } from '../config.ts';
import { StartupError } from '../startup-error.ts';
import { consoleLog, runTool } from './console-log.ts';
import { grantDirectAccess } from './direct-access.ts';

const { values } = parseArgs({
  options: {
    reader: { type: 'string', default: 'assessment_reader' },
    operator: { type: 'string', default: 'assessment_operator' },
  },
});

await runTool(async () => {
  const { DATABASE_URL: databaseUrl } = parseDatabaseConfig(readEnvironment());
  if (databaseUrl === undefined)
    throw new StartupError('CONFIG_INVALID', 'DATABASE_URL is needed: the embedded PostgreSQL serves one login alone.');
  const { created } = await grantDirectAccess({ databaseUrl, log: consoleLog, ...values });
  for (const role of created) console.log(`Made the role ${role}.`);
  console.log(`${values.reader} may read, ${values.operator} may read and change, in both cases one tenant at a time (docs/tenants.md).`);
  return 0;
});
