import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseLog } from './log.ts';
import { identifyProcess, isStillRunning, type ProcessIdentity } from './process-identity.ts';
import { runCommand } from './run-command.ts';

/** How long an orphan may take to end: a fast shutdown writes a checkpoint; a quick one only ends, and the next start recovers. */
const fastShutdownMs = 20_000;
const quickShutdownMs = 10_000;

/**
 * Ends the postgres that a killed service left running on this cluster folder, after making sure that it really is one for this folder;
 * a postmaster.pid that names anything else is stale and is removed. To be called by the holder of the folder's lock only.
 *
 * @throws Error when the orphan does not end, or may not be ended by this user.
 */
export async function stopOrphanedPostgres(cluster: string, log: DatabaseLog): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  const pid = Number((await readIfThere(pidFile))?.split('\n')[0] ?? 0);
  if (!Number.isInteger(pid) || pid <= 1) return;
  const orphan = await identifyProcess(pid);
  if (orphan === null || !(await isPostgresOf(pid, cluster))) {
    await rm(pidFile, { force: true });
    return;
  }
  log.warn({ pid, cluster }, 'the service was killed the last time and left its PostgreSQL running: stopping that first');
  process.kill(pid, 'SIGINT');
  if (await hasEnded(orphan, fastShutdownMs)) return;
  process.kill(pid, 'SIGQUIT');
  if (await hasEnded(orphan, quickShutdownMs)) return;
  throw new Error(`The PostgreSQL that an earlier start left running (process ${pid}) does not stop; end it and start again.`);
}

/** A postmaster stands in its data folder; where that can't be seen its command line names the folder. */
async function isPostgresOf(pid: number, cluster: string): Promise<boolean> {
  try {
    return (
      (await readlink(`/proc/${pid}/cwd`)) === (await realpath(cluster)) &&
      /\/postgres( \(deleted\))?$/.test(await readlink(`/proc/${pid}/exe`))
    );
  } catch {
    const { output } = await runCommand('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
    return output.includes('postgres') && output.includes(cluster);
  }
}

async function hasEnded(orphan: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (await isStillRunning(orphan)) {
    if (Date.now() > deadline) return false;
    await delay(25);
  }
  return true;
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
