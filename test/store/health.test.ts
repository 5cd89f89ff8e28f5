import { createServer, type Socket } from 'node:net';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore } from '../support/test-store.ts';

const checkOf = (health: Awaited<ReturnType<Awaited<ReturnType<typeof openStore>>['getHealthStatus']>>, name: string) =>
  health.checks.find((check) => check.name === name);

test('all is well: every part says so, with its latency', async () => {
  const setup = await startTestStore({ version: '1.2.3' });
  const health = await eventually('a healthy service', async () => {
    const asked = await setup.store.getHealthStatus();
    return asked.status === 'HEALTHY' ? asked : undefined; // the first connection of a busy machine may take longer than the patience of a check
  });
  expect(health.version).toBe('1.2.3');
  expect(health.checks.map(({ name, status }) => [name, status])).toEqual([
    ['database', 'HEALTHY'],
    ['bus', 'HEALTHY'],
    ['migrations', 'HEALTHY'],
  ]);
  for (const { latencyMs } of health.checks) expect(latencyMs).toBeGreaterThanOrEqual(0);
  expect(health.uptimeSeconds).toBeGreaterThanOrEqual(0);
  expect(checkOf(health, 'bus')?.message).toContain('REDIS_URL is not set');
  await setup.stop();
});

test('the database is dropped under a running store: unhealthy, with the reason; commands fail and no caller is left waiting', async () => {
  const database = await createTestDatabase();
  const store = await openStore({ databaseUrl: database.url, log: new TestLog() });
  await store.createAssessment({ type: 'HEALTH' }, actor);
  await database.drop();
  const health = await store.getHealthStatus();
  expect(health.status).toBe('UNHEALTHY');
  expect(checkOf(health, 'database')).toMatchObject({
    status: 'UNHEALTHY',
    message: expect.stringMatching(/does not exist|terminat|closed/i),
  });
  const outcomes = await Promise.allSettled([
    store.createAssessment({ type: 'HEALTH' }, actor),
    store.getState('a', actor),
    store.listAssessments({}, actor),
    store.waitForCompletion({ assessmentId: 'a' }, actor),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
  await store.stop();
});

test('the database comes back: the same store goes on', async () => {
  const setup = await startTestStore();
  const { store } = setup;
  await store.createAssessment({ assessmentId: 'before', type: 'HEALTH' }, actor);
  const server = new pg.Client(inject('serverUrl'));
  await server.connect();
  await server.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()', [
    new URL(setup.database.url).pathname.slice(1),
  ]);
  await server.end();
  await store.getState('before', actor).catch(() => {}); // may still meet the connection that was cut
  await expect(store.getState('before', actor)).resolves.toMatchObject({ state: 'PENDING' });
  await eventually('a healthy service', async () => (await store.getHealthStatus()).status === 'HEALTHY');
  await setup.stop();
});

test('nobody listens at the address: unhealthy at once', async () => {
  const store = await openStore({ databaseUrl: 'postgresql://nobody@127.0.0.1:1/none', log: new TestLog() });
  const begun = performance.now();
  const health = await store.getHealthStatus();
  expect(health.status).toBe('UNHEALTHY');
  expect(checkOf(health, 'database')?.message).toMatch(/reach|refused/i);
  expect(performance.now() - begun).toBeLessThan(2_500);
  await store.stop();
});

test('a server that takes the connection and never answers: unhealthy within the patience of the check', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const store = await openStore({ databaseUrl: `postgresql://nobody@127.0.0.1:${port}/none`, log: new TestLog() });
  const begun = performance.now();
  const health = await store.getHealthStatus();
  expect(checkOf(health, 'database')).toMatchObject({ status: 'UNHEALTHY', message: 'no answer within 2000 ms' });
  expect(performance.now() - begun).toBeLessThan(4_000);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  await store.stop();
});

test('migrations that are missing make it unhealthy; ones that the code does not know are only mentioned', async () => {
  const database = await createTestDatabase();
  const open = (pending: string[], unknown: string[]) =>
    openStore({ databaseUrl: database.url, log: new TestLog(), migrations: async () => ({ pending, unknown }) });
  const missing = await open(['2027_more'], []);
  const newer = await open([], ['2028_newer']);
  const missed = await missing.getHealthStatus();
  expect(missed.status).toBe('UNHEALTHY');
  expect(checkOf(missed, 'migrations')?.message).toBe('not applied yet: 2027_more');
  const known = await newer.getHealthStatus();
  expect(known.status).toBe('HEALTHY');
  expect(checkOf(known, 'migrations')?.message).toContain('2028_newer');
  await Promise.all([missing.stop(), newer.stop()]);
  await database.drop();
});
