import { readFile } from 'node:fs/promises';
import { createServer, connect as openSocket } from 'node:net';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { migrate, requireSupportedServer, resolveMigration } from '../../src/database/migrate.ts';
import { pendingMigrations } from '../../src/database/migration-history.ts';
import { listMigrationNames } from '../../src/database/migrations-folder.ts';
import { createDatabase, keepLog, runSql, urlOf, writeMigration, writeMigrations } from './scratch.ts';

const log = keepLog();

test('five instances that start at once apply every migration exactly once', async () => {
  const databaseUrl = await createDatabase();
  const names = await listMigrationNames();
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => migrate({ databaseUrl, log })));
  expect(outcomes.flatMap(({ applied }) => applied)).toEqual(names);
  const rows = await runSql(databaseUrl, 'select migration_name, finished_at is not null as finished from _prisma_migrations order by 1');
  expect(rows).toEqual(names.map((migration_name) => ({ migration_name, finished: true })));
});

test('a second run changes nothing, and a new migration is applied alone', async () => {
  const databaseUrl = await createDatabase();
  const migrationsDir = await writeMigrations({ '1_first': 'create table first (id int);' });
  expect(await migrate({ databaseUrl, log, migrationsDir })).toEqual({ applied: ['1_first'] });
  const before = await runSql(databaseUrl, 'select xmin::text, * from _prisma_migrations');
  expect(await migrate({ databaseUrl, log, migrationsDir })).toEqual({ applied: [] });
  expect(await runSql(databaseUrl, 'select xmin::text, * from _prisma_migrations')).toEqual(before);
  await writeMigration(migrationsDir, '2_second', 'create table second (id int);');
  expect(await migrate({ databaseUrl, log, migrationsDir })).toEqual({ applied: ['2_second'] });
});

test('pendingMigrations tells what is missing and what is not ours', async () => {
  const databaseUrl = await createDatabase();
  const migrationsDir = await writeMigrations({ '1_first': 'select 1;', '2_second': 'select 2;' });
  const query = (sql: string) => runSql(databaseUrl, sql);
  expect(await pendingMigrations(query, migrationsDir)).toEqual({ pending: ['1_first', '2_second'], unknown: [] });
  await migrate({ databaseUrl, log, migrationsDir });
  expect(await pendingMigrations(query, migrationsDir)).toEqual({ pending: [], unknown: [] });
  const older = await writeMigrations({ '1_first': 'select 1;' });
  expect(await pendingMigrations(query, older)).toEqual({ pending: [], unknown: ['2_second'] });
});

test('a database that is newer than the code is refused by name', async () => {
  const databaseUrl = await createDatabase();
  const newer = await writeMigrations({ '1_first': 'select 1;', '2_from_the_future': 'select 2;' });
  const older = await writeMigrations({ '1_first': 'select 1;' });
  await migrate({ databaseUrl, log, migrationsDir: newer });
  await expect(migrate({ databaseUrl, log, migrationsDir: older })).rejects.toMatchObject({
    failure: 'DATABASE_NEWER',
    message: expect.stringContaining('2_from_the_future'),
  });
});

test('a migration that was edited after it was applied is refused, one with other line ends is not', async () => {
  const databaseUrl = await createDatabase();
  const migrationsDir = await writeMigrations({ '1_first': 'select 1;\nselect 2;\n' });
  await migrate({ databaseUrl, log, migrationsDir });
  await writeMigration(migrationsDir, '1_first', 'select 1;\r\nselect 2;\r\n');
  expect(await migrate({ databaseUrl, log, migrationsDir })).toEqual({ applied: [] });
  await writeMigration(migrationsDir, '1_first', 'select 3;\n');
  await expect(migrate({ databaseUrl, log, migrationsDir })).rejects.toMatchObject({
    failure: 'MIGRATION_FAILED',
    message: expect.stringContaining('1_first'),
  });
});

test('a failed migration leaves nothing, stops later starts, and is applied again once marked as rolled back', async () => {
  const databaseUrl = await createDatabase();
  const migrationsDir = await writeMigrations({
    '1_first': 'create table kept (id int);',
    '2_broken': 'create table half (id int); select 1/0;',
  });
  const attempt = () => migrate({ databaseUrl, log, migrationsDir });
  await expect(attempt()).rejects.toMatchObject({
    failure: 'MIGRATION_FAILED',
    message: expect.stringMatching(/2_broken failed: .*division by zero/s),
  });
  expect(await runSql(databaseUrl, `select to_regclass('kept')::text as kept, to_regclass('half')::text as half`)).toEqual([
    { kept: 'kept', half: null },
  ]);
  await expect(attempt()).rejects.toMatchObject({
    failure: 'MIGRATION_FAILED',
    message: expect.stringContaining('--rolled-back 2_broken'),
  });
  await writeMigration(migrationsDir, '2_broken', 'create table half (id int);');
  await resolveMigration({ databaseUrl, log, migrationsDir }, '2_broken', 'rolled-back');
  expect(await attempt()).toEqual({ applied: ['2_broken'] });
});

test('a failed migration that was completed by hand is marked as applied', async () => {
  const databaseUrl = await createDatabase();
  const migrationsDir = await writeMigrations({ '1_broken': 'select 1/0;' });
  await expect(migrate({ databaseUrl, log, migrationsDir })).rejects.toMatchObject({ failure: 'MIGRATION_FAILED' });
  await resolveMigration({ databaseUrl, log, migrationsDir }, '1_broken', 'applied');
  expect(await migrate({ databaseUrl, log, migrationsDir })).toEqual({ applied: [] });
  await expect(resolveMigration({ databaseUrl, log, migrationsDir }, '1_broken', 'rolled-back')).rejects.toMatchObject({
    failure: 'MIGRATION_FAILED',
  });
});

test('a database that holds something else is left alone', async () => {
  const databaseUrl = await createDatabase();
  await runSql(databaseUrl, 'create table of_somebody_else (id int)');
  await expect(migrate({ databaseUrl, log })).rejects.toMatchObject({
    failure: 'MIGRATION_FAILED',
    message: expect.stringMatching(/schema is not empty.*database of its own/s),
  });
  expect(await runSql(databaseUrl, `select to_regclass('assessment_states') as ours`)).toEqual([{ ours: null }]);
});

test('a database that is not there is named without the password', async () => {
  const url = new URL(urlOf('no_such_database'));
  url.password ||= 'sEcret';
  const failure = await migrate({ databaseUrl: url.href, log }).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    failure: 'DATABASE_UNREACHABLE',
    message: expect.stringContaining(`${url.hostname}:${url.port}/no_such_database`),
  });
  expect(String(failure)).not.toContain(url.password);
});

test('a refused connection and a silent server are given up in time', async () => {
  const silent = await listen(createServer(() => undefined));
  const refused = await freePort();
  for (const port of [silent, refused]) {
    const startedAt = performance.now();
    await expect(migrate({ databaseUrl: `postgresql://u:sEcret@127.0.0.1:${port}/d`, log, connectTimeoutMs: 400 })).rejects.toMatchObject({
      failure: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining(`127.0.0.1:${port}/d`),
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  }
});

test('a connection string that cannot be read is refused without quoting it', async () => {
  const failure = await migrate({ databaseUrl: 'postgresql://u:sEcret@[oops/d', log }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ failure: 'DATABASE_UNREACHABLE', message: expect.stringContaining('postgresql://user:password@host') });
  expect(String(failure)).not.toContain('sEcret');
});

test('a server that is only just starting is waited for', async () => {
  const databaseUrl = new URL(await createDatabase());
  const target = { host: databaseUrl.hostname, port: Number(databaseUrl.port) || 5432 };
  const port = await freePort();
  databaseUrl.hostname = '127.0.0.1';
  databaseUrl.port = String(port);
  const migrationsDir = await writeMigrations({ '1_first': 'select 1;' });
  const proxy = createServer((socket) => {
    const onward = openSocket(target);
    socket.pipe(onward).pipe(socket);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const)
      one.on('error', () => other.destroy());
  });
  const later: typeof log = {
    ...log,
    info: (details, message) => {
      log.info(details, message);
      if (message.includes('trying again')) void listen(proxy, port);
    },
  };
  expect(await migrate({ databaseUrl: databaseUrl.href, log: later, migrationsDir })).toEqual({ applied: ['1_first'] });
  expect(proxy.listening).toBe(true);
});

test('servers before PostgreSQL 15 are refused', () => {
  expect(() => requireSupportedServer(140_012)).toThrow(/PostgreSQL 14.*15 or later/);
  expect(() => requireSupportedServer(150_000)).not.toThrow();
});

test('the lock is free again after a migration', async () => {
  const databaseUrl = await createDatabase();
  await migrate({ databaseUrl, log, migrationsDir: await writeMigrations({ '1_first': 'select 1;' }) });
  expect(
    await runSql(
      inject('serverUrl'),
      `select 1 from pg_locks l join pg_database d on d.oid = l.database
    where l.locktype = 'advisory' and d.datname = '${new URL(databaseUrl).pathname.slice(1)}'`,
    ),
  ).toEqual([]);
});

function listen(server: ReturnType<typeof createServer>, port = 0): Promise<number> {
  onTestFinished(() => void server.close());
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a database of the first version is taken over with all that is in it', async () => {
  const databaseUrl = await createDatabase();
  const names = await listMigrationNames();
  const scripts = await Promise.all(names.map((name) => readFile(join('prisma/migrations', name, 'migration.sql'), 'utf8')));
  const [first = ''] = names;
  await migrate({ databaseUrl, log, migrationsDir: await writeMigrations({ [first]: scripts[0] ?? '' }) });
  const row = (key: string, rest = '') =>
    `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash, priority ${rest && ', max_retries'})
     values (gen_random_uuid(), '${key}', 'health', 'api', '{"word": "${key}"}', '', 3 ${rest})`;
  for (const sql of [
    ...[row('pending'), row('started'), row('claimed', ', 1'), row('waiting', ', 1'), row('completed')],
    `update assessment_states set state = 'processing' where assessment_id <> 'pending'`,
    `update assessment_states set claimed_by = 'w', claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now() + interval '1 hour' where assessment_id = 'claimed'`,
    `update assessment_states set state = 'pending', next_retry_at = now() + interval '1 hour' where assessment_id = 'waiting'`,
    `update assessment_states set state = 'completed', result_data = '{}' where assessment_id = 'completed'`,
  ])
    await runSql(databaseUrl, sql);
  const before = await runSql(databaseUrl, 'select assessment_id, state, version, updated_at from assessment_states order by 1');
  expect(await migrate({ databaseUrl, log })).toEqual({ applied: names.slice(1) });
  expect(await runSql(databaseUrl, 'select assessment_id, state, version, updated_at from assessment_states order by 1')).toEqual(before);
  const queue = `select assessment_id as key, ready, queue_rank - created_at = interval '10 minutes' as ranked, claim_seen_at = claimed_at as seen
    from assessment_states where state <> 'completed' order by 1`;
  expect(await runSql(databaseUrl, queue)).toEqual([
    { key: 'claimed', ready: true, ranked: true, seen: true },
    { key: 'pending', ready: true, ranked: true, seen: null },
    { key: 'started', ready: true, ranked: true, seen: null },
    { key: 'waiting', ready: false, ranked: true, seen: null },
  ]);
  const words = `select s.assessment_id as key from assessment_search d join assessment_states s using (id)
    where d.search_vector @@ to_tsquery('simple', s.assessment_id) and d.version = s.version order by 1`;
  expect(await runSql(databaseUrl, words)).toEqual(['claimed', 'completed', 'pending', 'started', 'waiting'].map((key) => ({ key })));
});
