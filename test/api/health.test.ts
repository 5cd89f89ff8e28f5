import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

async function get(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; type: string | null; cache: string | null; body: unknown }> {
  const response = await fetch(new URL(path, service.url), init);
  const { status, headers } = response;
  return { status, type: headers.get('content-type'), cache: headers.get('cache-control'), body: await response.json() };
}

const json = { type: 'application/json; charset=utf-8', cache: 'no-store' };
const check = (name: string, message: unknown = null) => ({ name, status: 'HEALTHY', latencyMs: expect.any(Number), message });
const healthy = {
  ...{ status: 'HEALTHY', version: '0.1.0', uptimeSeconds: expect.any(Number) },
  checks: [check('database'), check('bus', 'in this process only (REDIS_URL is not set)'), check('migrations')],
};
const graphQLHealth = '{ health { status version uptimeSeconds checks { name status latencyMs message } } }';

test('/health/live says that the process runs', async () => {
  expect(await get('/health/live')).toEqual({ ...json, status: 200, body: { status: 'live' } });
});

test('/health/ready and the query health tell the same of each part', async () => {
  expect(await get('/health/ready')).toEqual({ ...json, status: 200, body: healthy });
  const { data, errors } = await service.send(graphQLHealth);
  expect({ data, errors }).toEqual({ data: { health: healthy }, errors: undefined });
});

test('a question mark and what follows it changes nothing', async () => {
  expect((await get('/health/ready?verbose=1')).status).toBe(200);
});

test('a database with migrations that are not applied is not ready, and says which', async () => {
  const psql = await service.database.connect();
  const { rows } = await psql.query(
    'update _prisma_migrations set finished_at = null where rolled_back_at is null returning migration_name as name',
  );
  const names = (rows as { name: string }[]).map(({ name }) => name).toSorted();
  const unready = {
    status: 'UNHEALTHY',
    checks: expect.arrayContaining([{ ...check('migrations', `not applied yet: ${names.join(', ')}`), status: 'UNHEALTHY' }]),
  };
  const { status, body } = await get('/health/ready');
  expect({ status, body }).toEqual({ status: 503, body: expect.objectContaining(unready) });
  const { data } = await service.send(graphQLHealth);
  expect(data).toMatchObject({ health: unready });
  await psql.query('update _prisma_migrations set finished_at = now()');
  expect(await get('/health/ready')).toMatchObject({ status: 200, body: healthy });
});

test('a database that a newer instance has migrated serves on, and says so', async () => {
  const psql = await service.database.connect();
  await psql.query(
    "insert into _prisma_migrations (id, checksum, migration_name, finished_at) values ('later', 'x', '20991231000000_later', now())",
  );
  const note = 'the database is newer than this instance: 20991231000000_later';
  expect(await get('/health/ready')).toMatchObject({
    status: 200,
    body: { status: 'HEALTHY', checks: expect.arrayContaining([check('migrations', note)]) },
  });
  await psql.query("delete from _prisma_migrations where id = 'later'");
});

test.each(['/', '/graphql/', '/graphql/x', '/Graphql', '/health', '/health/', '/health/live/', '/metrics2', '/favicon.ico', '/%00', '//'])(
  'nothing is at %s: 404 as JSON, with where things are',
  async (path) => {
    const { status, type, body } = await get(`${new URL(service.url).origin}${path}`);
    const paths = ['/graphql', '/health/live', '/health/ready', '/metrics'];
    expect({ status, type, body }).toEqual({ status: 404, type: json.type, body: { error: expect.any(String), paths } });
    const posted = await get(`${new URL(service.url).origin}${path}`, { method: 'POST', body: '{}' });
    expect(posted.status).toBe(404);
  },
);
