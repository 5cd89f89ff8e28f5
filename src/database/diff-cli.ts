import { parseDatabaseConfig, readEnvironment } from '../config.ts';
import { consoleLog, runTool } from './console-log.ts';
import { diffSchema } from './diff.ts';

await runTool(async () => {
  const { DATABASE_URL: databaseUrl } = parseDatabaseConfig(readEnvironment());
  const difference = await diffSchema({ databaseUrl, log: { ...consoleLog, info: () => undefined } });
  if (difference === null) {
    console.log('prisma/schema.prisma and the migrations agree.');
    return 0;
  }
  console.log('prisma/schema.prisma and the migrations disagree. To match the schema, the database would have to change like this:');
  console.log(difference);
  return 1;
});
