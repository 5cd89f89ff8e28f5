import { randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../startup-error.ts';
import { clusterFolder, type DataPlace } from './data-place.ts';
import type { DatabaseLog } from './log.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { runCommand } from './run-command.ts';

/**
 * Makes the cluster (encoding UTF8, the C.UTF-8 of PostgreSQL itself, password needed) unless it is there. It comes into being by a rename,
 * so a start that was killed half-way leaves only a draft, which the next one removes. To be called by the holder of the folder's lock only.
 *
 * @throws Error when initdb fails.
 */
export async function ensureCluster(place: DataPlace, binaries: PostgresBinaries, log: DatabaseLog): Promise<void> {
  if (await exists(clusterFolder(place.folder))) return;
  log.info({ dataFolder: place.folder }, 'first start: creating the database folder');
  await removeDrafts(place.folder);
  await writePassword(place);
  const draft = await mkdtemp(join(place.folder, draftPrefix));
  if ('uid' in place.account) await chown(draft, place.account['uid'], place.account['gid']);
  const made = await runCommand(binaries.initdb, initdbArguments(draft, passwordFile(place.folder)), place.account);
  if (made.code !== 0) {
    await rm(draft, { recursive: true, force: true });
    throw new Error(`initdb failed: ${made.output}`);
  }
  await rename(draft, clusterFolder(place.folder));
  await syncFolder(place.folder);
}

/**
 * The password that was made up at the first start.
 * @throws StartupError EMBEDDED_POSTGRES_FAILED when its file is gone.
 */
export async function readPassword(folder: string): Promise<string> {
  const password = await readFile(passwordFile(folder), 'utf8').catch(() => '');
  if (password.trim() !== '') return password.trim();
  throw new StartupError(
    'EMBEDDED_POSTGRES_FAILED',
    `The password of the database in ${folder} is missing or can't be read (${passwordFile(folder)}). Put the file back, or remove the folder to begin anew without its data.`,
  );
}

const draftPrefix = 'cluster-draft-';

function passwordFile(folder: string): string {
  return join(folder, 'password');
}

async function writePassword({ folder, account }: DataPlace): Promise<void> {
  const path = passwordFile(folder);
  await rm(path, { force: true });
  await writeFile(path, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flush: true });
  await chmod(path, 0o600);
  // initdb reads it as the account.
  if ('uid' in account) await chown(path, account['uid'], account['gid']);
}

function initdbArguments(cluster: string, password: string): string[] {
  return [
    `--pgdata=${cluster}`,
    '--username=postgres',
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
}

async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    // The initdb of a killed start may still be writing into its draft: what it leaves goes the next time.
    if (name.startsWith(draftPrefix)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
  }
}

/** Makes the rename last through a power failure, as PostgreSQL does for its own files. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
