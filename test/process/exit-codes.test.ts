import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitCodes } from '../../src/startup-error.ts';
import { createDataFolder, type End, endServices, startService } from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

/** Takes a port of 127.0.0.1 and keeps it. */
async function takePort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

let database: TestDatabase;
let unreachable: Promise<End>;
beforeAll(async () => {
  const { server, port } = await takePort();
  server.close();
  await once(server, 'close');
  // It has patience with a database that may be just starting, so this one takes its time while the others are tried.
  unreachable = startService({ DATABASE_URL: `postgresql://me:hush-hush@127.0.0.1:${port}/somewhere` }).ended();
  database = await createTestDatabase();
});
afterAll(async () => {
  await endServices();
  await database.drop();
});

/** Ended with this code and a message for people: no stack, and no line of the log that says that it was ready. */
function expectFailure({ code, signal, out, err }: End, expected: number, message: RegExp): void {
  expect({ code, signal }, `${out}\n${err}`).toEqual({ code: expected, signal: null });
  expect(err).toMatch(/^AssessmentStore cannot start: /);
  expect(err).toMatch(message);
  expect(`${out}${err}`).not.toMatch(/\n\s+at |node_modules|hush-hush/);
  expect(out).not.toContain('ready');
}

test('a port that is taken: 11, before anything else is started', async () => {
  const { server, port } = await takePort();
  const { dataDir, remove } = await createDataFolder();
  const end = await startService({ PORT: String(port), DATA_DIR: dataDir }).ended();
  expectFailure(end, exitCodes.PORT_TAKEN, new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is taken by another program.*PORT`));
  await expect(access(dataDir)).rejects.toThrow('ENOENT');
  await remove();
  server.close();
});

test('an address that this machine does not have: 11, naming it', async () => {
  const end = await startService({ HOST: '192.0.2.1', ALLOW_UNAUTHENTICATED: 'true', DATABASE_URL: database.url }).ended();
  expectFailure(end, exitCodes.PORT_TAKEN, /no address 192\.0\.2\.1.*HOST/);
});

test('a database that there is not on its server: 13 at once, naming it but no password', async () => {
  const missing = Object.assign(new URL(database.url), { pathname: '/no_such_database', password: 'hush-hush' });
  const end = await startService({ DATABASE_URL: missing.href }).ended();
  expectFailure(end, exitCodes.DATABASE_UNREACHABLE, /\/no_such_database can't be reached: .*DATABASE_URL/);
});

test('a database that is newer than the code: 14, naming the migration, and it is left as it was', async () => {
  const psql = await database.connect();
  await psql.query(
    "insert into _prisma_migrations (id, checksum, migration_name, finished_at) values ('later', 'x', '20991231000000_later', now())",
  );
  const history = async () => (await psql.query('select * from _prisma_migrations order by migration_name')).rows;
  const before = await history();
  const end = await startService({ DATABASE_URL: database.url }).ended();
  expectFailure(end, exitCodes.DATABASE_NEWER, /20991231000000_later.*newer version/);
  expect(await history()).toEqual(before);
});

test('a migration that failed half-way: 15, with what to do', async () => {
  const psql = await database.connect();
  await psql.query("delete from _prisma_migrations where id = 'later'");
  await psql.query("update _prisma_migrations set finished_at = null, logs = 'disk full'");
  const end = await startService({ DATABASE_URL: database.url }).ended();
  expectFailure(end, exitCodes.MIGRATION_FAILED, /failed earlier: disk full.*db:migrate -- --rolled-back/s);
});

test('a bad configuration: 10, naming every variable at once', async () => {
  const bad = { PORT: 'http', NODE_ENV: 'staging', REDIS_URL: 'nowhere', MAX_BODY_BYTES: '-1', LOG_LEVEL: 'loud', DATABASE_POOL_SIZE: '1' };
  const end = await startService(bad).ended();
  expectFailure(end, exitCodes.CONFIG_INVALID, /\.env\.example/);
  const named = [...end.err.matchAll(/^ {2}- (\w+) must /gm)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(Object.keys(bad).toSorted());
});

test.each([
  [{ NODE_ENV: 'production' }, /no authentication \(AUTH_JWT_SECRET or AUTH_JWKS_URL\)/],
  [{ NODE_ENV: 'production', ALLOW_UNAUTHENTICATED: 'true' }, /no authentication/],
  [{ HOST: '0.0.0.0' }, /no authentication.*ALLOW_UNAUTHENTICATED=true/],
])('%o without authentication: 10', async (environment, why) => {
  const end = await startService({ ...environment, DATABASE_URL: database.url }).ended();
  expectFailure(end, exitCodes.CONFIG_INVALID, why);
});

test('a database that cannot be reached: 13 after some patience, naming it but no password', async () => {
  const end = await unreachable;
  expectFailure(end, exitCodes.DATABASE_UNREACHABLE, /127\.0\.0\.1:\d+\/somewhere can't be reached: .*ECONNREFUSED.*DATABASE_URL/);
  expect(end.out).toContain('the database is not there yet: trying again');
});
