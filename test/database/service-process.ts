import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { StartupError } from '../../src/startup-error.ts';

// A service in miniature for tests that kill it: prints the URL when it is up, or ends with the exit code of its failure.
const silent = () => undefined;
const [, , dataDir = ''] = process.argv;
try {
  const server = await startEmbeddedPostgres({ dataDir, log: { info: silent, warn: silent, error: silent } });
  process.once('SIGTERM', () => void server.stop());
  console.log(server.url);
} catch (error) {
  process.exitCode = error instanceof StartupError ? error.exitCode : 1;
}
