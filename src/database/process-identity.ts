import { readFile } from 'node:fs/promises';
import { runCommand } from './run-command.ts';

/** A process, told apart from a later one that was given the same pid; `startedAt` is opaque, and null where the system does not tell. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string | null;
}

/** The process that runs under this pid now, or null when there is none (a zombie counts as none). */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  if (!signalReaches(pid)) return null;
  const stat = await readProc(`${pid}/stat`);
  if (stat !== null) return identityFromStat(pid, stat);
  if (process.platform === 'linux') return signalReaches(pid) ? { pid, startedAt: null } : null;
  const listed = await runCommand('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return { pid, startedAt: listed.code === 0 && listed.output !== '' ? listed.output : null };
}

/** Whether the very process that was identified earlier still runs. Where start times are not known the pid alone decides. */
export async function isStillRunning(earlier: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(earlier.pid);
  if (now === null) return false;
  return now.startedAt === null || earlier.startedAt === null || now.startedAt === earlier.startedAt;
}

async function identityFromStat(pid: number, stat: string): Promise<ProcessIdentity | null> {
  // The name stands in parentheses and may hold anything, so count from the last one: state is field 3, start time (ticks since boot) field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  const boot = (await readProc('sys/kernel/random/boot_id')) ?? '';
  return { pid, startedAt: `${boot.trim()}:${fields[19] ?? ''}` };
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(`/proc/${path}`, 'utf8');
  } catch {
    return null;
  }
}
