// Proves that a backup can be restored: npm run drill:restore. See docs/operations.md.
import { parseDatabaseConfig, readEnvironment } from '../src/config.ts';
import { drillRestore } from './restore-drill.ts';

const environment = readEnvironment();
const { DATABASE_URL: databaseUrl } = parseDatabaseConfig(environment);
if (databaseUrl === undefined) {
  console.error(
    'DATABASE_URL must name the database whose backup is to be proven; its role must be able to create databases, or RESTORE_URL names a server with one that can.',
  );
  process.exit(2);
}
try {
  const { contents, problems } = await drillRestore({
    databaseUrl,
    restoreUrl: environment['RESTORE_URL'] || undefined,
    tell: (text) => console.log(text),
  });
  for (const [name, { rows }] of contents) console.log(`  ${name}: ${rows} rows`);
  for (const problem of problems) console.error(`PROBLEM: ${problem}`);
  console.log(problems.length === 0 ? 'The backup is good: the service runs on what was restored from it.' : 'The backup is NOT good.');
  process.exitCode = problems.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`The drill could not be carried out: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
