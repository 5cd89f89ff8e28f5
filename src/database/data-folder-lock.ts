import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../startup-error.ts';
import { identifyProcess, isStillRunning, type ProcessIdentity } from './process-identity.ts';

interface Holder extends ProcessIdentity {
  readonly since: string;
  readonly released: boolean;
}

export interface DataFolderLock {
  /** Gives the folder free; idempotent. */
  release(): Promise<void>;
}

/**
 * Takes the folder for this process. Of several that try at the same instant exactly one gets it.
 *
 * The lock is the file `lock.<n>` with the highest n, and taking it means creating `lock.<n+1>` once the holder of n has released it or died.
 * The highest file is never removed, only succeeded: removing a dead holder's file would let two starters both take its place.
 * Holders are judged by pid and start time, so the folder must belong to one host (or container) at a time.
 *
 * @throws StartupError DATA_FOLDER_IN_USE when another living process (or this one) holds it.
 */
export async function acquireDataFolderLock(folder: string): Promise<DataFolderLock> {
  const self = await identifyProcess(process.pid);
  const mine: Holder = { pid: process.pid, startedAt: self?.startedAt ?? null, since: new Date().toISOString(), released: false };
  for (;;) {
    const taken = await tryAcquire(folder, mine);
    if (taken !== null) return { release: () => releaseLock(folder, taken, mine) };
  }
}

/** The generation that was taken, or null when another starter was quicker: look again. */
async function tryAcquire(folder: string, mine: Holder): Promise<number | null> {
  const highest = await highestGeneration(folder);
  if (highest > 0) {
    const holder = await readHolder(folder, highest);
    if (holder === null) return null;
    if (!holder.released && (await isStillRunning(holder))) throw inUse(folder, holder);
  }
  const generation = highest + 1;
  if (!(await createWhole(folder, generation, mine))) return null;
  if ((await highestGeneration(folder)) > generation) {
    await rm(lockFile(folder, generation), { force: true });
    return null;
  }
  await removeOlder(folder, generation);
  return generation;
}

/** Creates the lock file with its content in one step (link refuses an existing name); false when it is there already. */
async function createWhole(folder: string, generation: number, holder: Holder): Promise<boolean> {
  const draft = await writeDraft(folder, holder);
  try {
    await link(draft, lockFile(folder, generation));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function releaseLock(folder: string, generation: number, mine: Holder): Promise<void> {
  const draft = await writeDraft(folder, { ...mine, released: true });
  await rename(draft, lockFile(folder, generation));
}

async function writeDraft(folder: string, holder: Holder): Promise<string> {
  const draft = join(folder, `lock-draft-${randomUUID()}`);
  await writeFile(draft, `${JSON.stringify(holder)}\n`);
  return draft;
}

async function removeOlder(folder: string, generation: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const other = generationOf(name);
    if (other > 0 && other < generation) await rm(join(folder, name), { force: true });
  }
}

async function highestGeneration(folder: string): Promise<number> {
  return Math.max(0, ...(await readdir(folder)).map(generationOf));
}

function generationOf(name: string): number {
  return Number(/^lock\.([1-9]\d*)$/.exec(name)?.[1] ?? 0);
}

async function readHolder(folder: string, generation: number): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(lockFile(folder, generation), 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    // Written whole or not at all, so unreadable JSON is what a full or failing disk left of a dead one.
    if (error instanceof SyntaxError) return { pid: 0, startedAt: null, since: '', released: true };
    throw error;
  }
}

function lockFile(folder: string, generation: number): string {
  return join(folder, `lock.${generation}`);
}

function inUse(folder: string, holder: Holder): StartupError {
  return new StartupError(
    'DATA_FOLDER_IN_USE',
    `The data folder ${folder} is in use by process ${holder.pid} (since ${holder.since}), another instance of this service. ` +
      `Stop that one (kill ${holder.pid}), or give this one a folder of its own with DATA_DIR, or let both share a PostgreSQL server with DATABASE_URL.`,
  );
}
