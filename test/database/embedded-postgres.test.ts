import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { identifyProcess, isStillRunning } from '../../src/database/process-identity.ts';
import { exitCodes } from '../../src/startup-error.ts';
import { createFolder, keepLog, runSql } from './scratch.ts';

const log = keepLog();
const children: ChildProcess[] = [];
let folder: string;
/** One data folder, made beforehand, for the tests that only need one; each leaves it stopped. */
let dataDir: string;

beforeAll(async () => {
  folder = await createFolder();
  dataDir = join(folder, 'postgres');
  const server = await startEmbeddedPostgres({ dataDir, log });
  await server.stop();
}, 60_000);

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('what was written before a stop is there after the next start', async () => {
  const first = await startEmbeddedPostgres({ dataDir, log });
  await runSql(first.url, 'create table kept as select 42 as answer');
  await Promise.all([first.stop(), first.stop()]);
  await expect(runSql(first.url, 'select 1')).rejects.toThrow();
  const second = await startEmbeddedPostgres({ dataDir, log });
  expect(await runSql(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  await second.stop();
  await first.stop();
}, 60_000);

test('is PostgreSQL 18, durable, UTF8, on 127.0.0.1 only, and wants the password', async () => {
  const server = await startEmbeddedPostgres({ dataDir, log });
  const [settings] = await runSql(
    server.url,
    `select current_setting('server_version_num')::int / 10000 as major, current_setting('fsync') as fsync,
       current_setting('synchronous_commit') as commit, current_setting('server_encoding') as encoding,
       current_setting('listen_addresses') as host, current_setting('timezone') as zone, lower('ÄÖЖ') as lowered`,
  );
  expect(settings).toEqual({ major: 18, fsync: 'on', commit: 'on', encoding: 'UTF8', host: '127.0.0.1', zone: 'UTC', lowered: 'äöж' });
  expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  const wrong = new URL(server.url);
  wrong.password = 'wrOng';
  const failure = await migrate({ databaseUrl: wrong.href, log }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ failure: 'DATABASE_UNREACHABLE', message: expect.stringContaining('authentication failed') });
  expect(String(failure)).not.toContain('wrOng');
  await server.stop();
}, 60_000);

test('a second instance on the same folder is refused, and the first is not disturbed', async () => {
  const server = await startEmbeddedPostgres({ dataDir, log });
  await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toMatchObject({ failure: 'DATA_FOLDER_IN_USE' });
  expect(await runSql(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await server.stop();
}, 60_000);

test('listeners are told when the server ends by itself, and the next start recovers', async () => {
  const server = await startEmbeddedPostgres({ dataDir, log });
  await runSql(server.url, 'create table if not exists survived (id int); insert into survived values (1)');
  const told = vi.fn();
  server.onExit(told);
  process.kill(await postmasterPid(), 'SIGKILL');
  await vi.waitFor(() => expect(told).toHaveBeenCalledWith({ code: null, signal: 'SIGKILL' }), 10_000);
  await server.stop();
  const next = await startEmbeddedPostgres({ dataDir, log });
  expect(await runSql(next.url, 'select id from survived')).toEqual([{ id: 1 }]);
  await next.stop();
}, 60_000);

test('listeners are not told of a stop that was asked for', async () => {
  const server = await startEmbeddedPostgres({ dataDir, log });
  const told = vi.fn();
  server.onExit(told);
  await server.stop();
  expect(told).not.toHaveBeenCalled();
}, 60_000);

test('the PostgreSQL of a service that was killed is taken over with its data', async () => {
  const { child, url } = await startService();
  await runSql(url, 'create table orphaned as select 7 as seven');
  const orphan = await identifyProcess(await postmasterPid());
  child.kill('SIGKILL');
  await once(child, 'exit');
  if (orphan === null) throw new Error('no postmaster');
  expect(await isStillRunning(orphan)).toBe(true);
  const server = await startEmbeddedPostgres({ dataDir, log });
  expect(await isStillRunning(orphan)).toBe(false);
  expect(await runSql(server.url, 'select seven from orphaned')).toEqual([{ seven: 7 }]);
  await server.stop();
}, 60_000);

test('a postmaster.pid that names some other process harms neither', async () => {
  const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  children.push(bystander);
  await writeFile(join(dataDir, 'cluster', 'postmaster.pid'), `${bystander.pid}\n${join(dataDir, 'cluster')}\n`);
  const server = await startEmbeddedPostgres({ dataDir, log });
  await server.stop();
  expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
}, 60_000);

test('of two services that start at once one runs and the other ends with the code for it', async () => {
  const services = [spawnService(), spawnService()];
  const ends = services.map(async (child) => (await once(child, 'exit'))[0] as number | null);
  expect(await Promise.race(ends)).toBe(exitCodes.DATA_FOLDER_IN_USE);
  expect(services.filter((child) => child.exitCode === null)).toHaveLength(1);
}, 60_000);

test('a first start that is killed half-way leaves nothing that a later one trips over', async () => {
  const fresh = join(folder, 'interrupted');
  const child = spawnService(fresh);
  await vi.waitFor(async () => expect((await readdir(fresh)).join()).toContain('cluster-draft-'), { timeout: 20_000, interval: 5 });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await readdir(fresh)).not.toContain('cluster');
  const server = await startEmbeddedPostgres({ dataDir: fresh, log });
  expect(await runSql(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await server.stop();
}, 60_000);

test('the data of another major version is refused with what to do', async () => {
  const old = join(folder, 'old');
  await mkdir(join(old, 'cluster'), { recursive: true });
  await writeFile(join(old, 'cluster', 'PG_VERSION'), '16\n');
  await expect(startEmbeddedPostgres({ dataDir: old, log })).rejects.toMatchObject({
    failure: 'EMBEDDED_POSTGRES_FAILED',
    message: expect.stringMatching(/PostgreSQL 16, .* is 18 .*pg_dump/s),
  });
}, 60_000);

test('where PostgreSQL can’t get at the folder, root’s goes elsewhere and says so; anyone else is told what to do', async () => {
  const closed = join(folder, 'closed');
  await mkdir(closed);
  await chmod(closed, 0o500);
  const attempt = startEmbeddedPostgres({ dataDir: join(closed, 'postgres'), log });
  if (process.getuid?.() !== 0) {
    await expect(attempt).rejects.toMatchObject({ failure: 'EMBEDDED_POSTGRES_FAILED', message: expect.stringContaining('DATA_DIR') });
    return;
  }
  const server = await attempt;
  try {
    expect(server.dataFolder).toMatch(/^\/var\/lib\/assessment-store\/[0-9a-f]{16}$/);
    expect(log.messages.join('\n')).toContain(`is in ${server.dataFolder}, not in ${join(closed, 'postgres')}`);
    expect(await runSql(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    await server.stop();
    await rm(server.dataFolder, { recursive: true, force: true });
  }
}, 60_000);

function spawnService(folderOfData = dataDir): ChildProcess {
  const script = fileURLToPath(new URL('./service-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, folderOfData], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

async function startService(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawnService();
  if (child.stdout === null) throw new Error('no output to read');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: line.toString('utf8').trim() };
}

async function postmasterPid(): Promise<number> {
  return Number((await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}
