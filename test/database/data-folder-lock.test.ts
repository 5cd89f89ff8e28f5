import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireDataFolderLock } from '../../src/database/data-folder-lock.ts';
import { identifyProcess, isStillRunning } from '../../src/database/process-identity.ts';
import { createFolder } from './scratch.ts';

let folder: string;
beforeEach(async () => {
  folder = await createFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const holder = (pid: number, startedAt: string | null) =>
  writeFile(join(folder, 'lock.7'), JSON.stringify({ pid, startedAt, since: '2026-01-01T00:00:00.000Z', released: false }));

test('of many that take over a dead holder’s lock at once exactly one gets it, round after round', async () => {
  await holder(await deadPid(), 'long ago');
  for (let round = 0; round < 25; round += 1) {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => acquireDataFolderLock(folder)));
    const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(locks).toHaveLength(1);
    for (const refusal of refusals) expect(refusal).toMatchObject({ failure: 'DATA_FOLDER_IN_USE' });
    await locks[0]?.release();
  }
  expect(await readdir(folder)).toHaveLength(1);
});

test('the refusal names the folder, the holder and the ways out', async () => {
  const lock = await acquireDataFolderLock(folder);
  const refusal = await acquireDataFolderLock(folder).catch((error: unknown) => String(error));
  for (const part of [folder, `process ${process.pid}`, `kill ${process.pid}`, 'DATA_DIR', 'DATABASE_URL']) expect(refusal).toContain(part);
  await lock.release();
});

test('a pid that was given to another process since does not hold the lock', async () => {
  await holder(process.pid, 'another start');
  const lock = await acquireDataFolderLock(folder);
  await lock.release();
});

test('where start times are unknown a living pid holds the lock', async () => {
  await holder(process.pid, null);
  await expect(acquireDataFolderLock(folder)).rejects.toMatchObject({ failure: 'DATA_FOLDER_IN_USE' });
});

test('a process is the same until it ends', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const identity = await identifyProcess(child.pid ?? 0);
  expect(identity?.startedAt).toEqual(expect.any(String));
  if (identity === null) return;
  expect(await isStillRunning(identity)).toBe(true);
  expect(await isStillRunning({ ...identity, startedAt: 'another' })).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await isStillRunning(identity)).toBe(false);
});

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}
