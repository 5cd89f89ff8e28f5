import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, mkdir, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StartupError } from '../startup-error.ts';
import type { DatabaseLog } from './log.ts';
import { choosePostgresAccount } from './postgres-account.ts';
import { type Account, runCommand } from './run-command.ts';

/** Where root keeps what the `postgres` user could not reach in a checkout below, say, /root. */
const systemFolder = '/var/lib/assessment-store';

/** The folder that holds the cluster, its password and its lock, and the account that PostgreSQL runs as there. */
export interface DataPlace {
  readonly folder: string;
  readonly account: Account;
}

export function clusterFolder(folder: string): string {
  return join(folder, 'cluster');
}

/**
 * Decides where the data is, and creates the folder. That is `dataDir`, unless we are root and the account that PostgreSQL runs as can't get
 * there (or it can't be written to): then a folder of its own below /var/lib/assessment-store, named by a hash of dataDir. Existing data wins over the rule,
 * so that a change of permissions never makes yesterday's data seem gone.
 *
 * @throws StartupError EMBEDDED_POSTGRES_FAILED when neither can be used.
 */
export async function settleDataPlace(dataDir: string, log: DatabaseLog): Promise<DataPlace> {
  const wanted = resolve(dataDir);
  const account = await choosePostgresAccount(clusterFolder(wanted));
  if (!('uid' in account)) {
    const problem = await prepareFolder(wanted, account);
    if (problem !== null) throw unusable(wanted, problem);
    return { folder: wanted, account };
  }
  const fallback = join(systemFolder, createHash('sha256').update(wanted).digest('hex').slice(0, 16));
  if (await exists(clusterFolder(wanted))) {
    const problem = await prepareFolder(wanted, account);
    if (problem !== null) throw unusable(wanted, `it holds data, but ${problem}`);
    return { folder: wanted, account };
  }
  const problem = (await exists(clusterFolder(fallback))) ? 'an earlier start put the data there' : await prepareFolder(wanted, account);
  if (problem === null) return { folder: wanted, account };
  return fallBack(wanted, fallback, problem, log);
}

async function fallBack(wanted: string, fallback: string, problem: string, log: DatabaseLog): Promise<DataPlace> {
  await removeIfEmpty(wanted);
  const account = await choosePostgresAccount(clusterFolder(fallback));
  const second = await prepareFolder(fallback, account);
  if (second !== null) throw unusable(wanted, `${problem}; and ${fallback} can't be used either: ${second}`);
  log.warn(
    { wanted, dataFolder: fallback, reason: problem },
    `the data of the embedded PostgreSQL is in ${fallback}, not in ${wanted}: ${problem}`,
  );
  return { folder: fallback, account };
}

/** Creates the folder if need be, and says in words what keeps this process or the account from using it; null: nothing. */
async function prepareFolder(folder: string, account: Account): Promise<string | null> {
  try {
    const created = await mkdir(folder, { recursive: true });
    // Passing through is all that another account needs; the cluster and the password have narrower modes of their own.
    if (created !== undefined && 'uid' in account) await chmod(folder, 0o755);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    return `it can't be written to (${(error as Error).message})`;
  }
  // Asked of the system as that account: no reading of mode bits would know of access lists or mounts.
  const reached = await runCommand('/bin/sh', ['-c', 'test -x "$1"', 'sh', folder], account);
  return reached.code === 0 ? null : `the user that PostgreSQL runs as (uid ${account['uid']}) can't reach that folder`;
}

async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function unusable(folder: string, problem: string): StartupError {
  return new StartupError(
    'EMBEDDED_POSTGRES_FAILED',
    `The data folder ${folder} can't be used: ${problem}. Mend that, or name another folder with DATA_DIR, or set DATABASE_URL to a PostgreSQL server.`,
  );
}
