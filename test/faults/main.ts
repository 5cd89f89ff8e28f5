// Everything is disturbed at once, and a checker says from the audit trail whether anybody was told too little, too much, or in the wrong
// order. See CONTRIBUTING.md. Ends with 0 when every promise was kept, with 1 when not, and with 2 when it could not be tried.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRedisMissing } from '../support/own-redis.ts';
import { Cleanup } from './cleanup.ts';
import { Run } from './run.ts';
import { readSettings } from './settings.ts';
import { breachesOf, summaryOf } from './summary.ts';

const begun = performance.now();
const tell = (text: string): void => console.log(`[${((performance.now() - begun) / 1_000).toFixed(1).padStart(6)} s] ${text}`);

async function main(): Promise<number> {
  if (isRedisMissing()) {
    console.error('*** No redis-server on the PATH: the run with faults was NOT DONE. Install one (apt-get install redis-server). ***');
    return 2;
  }
  const settings = readSettings(process.env);
  console.log(
    `SEED=${settings.seed} SECONDS=${settings.seconds} ASSESSMENTS=${settings.assessments} UPDATES_PER_SECOND=${settings.updatesPerSecond} SUBSCRIBERS=${settings.subscribers}`,
  );
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-faults-'));
  await chmod(folder, 0o711); // should we be root, the account of PostgreSQL has to pass through it
  const cleanup = new Cleanup();
  endWith(cleanup);
  let breaches: string[] = [];
  try {
    const outcome = await new Run(settings, folder, cleanup, tell).outcome();
    breaches = breachesOf(outcome);
    console.log(`\n${summaryOf(settings, outcome).join('\n')}`);
  } catch (error) {
    breaches = [`the run broke off: ${error instanceof Error ? error.stack : error}`];
  } finally {
    await cleanup.run();
  }
  if (breaches.length === 0) await rm(folder, { recursive: true, force: true });
  else console.error(`\n${breaches.join('\n')}\n\nBREACHED. The database, the journals and the logs of the instances are in ${folder}`);
  return breaches.length === 0 ? 0 : 1;
}

/** Whatever ends it, ends all that was started too. */
function endWith(cleanup: Cleanup): void {
  const end = (code: number): void => void cleanup.run().finally(() => process.exit(code));
  process.once('SIGINT', () => end(130));
  process.once('SIGTERM', () => end(143));
  process.once('uncaughtException', (error) => {
    console.error(error);
    end(1);
  });
}

process.exitCode = await main();
