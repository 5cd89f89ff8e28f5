import { appendFile, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { type AssessmentStore, CursorExpiredError, openStore, updateCursor } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { expectWhole, FeedReader } from '../support/feed-reader.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { actor } from '../support/test-store.ts';

const log = new TestLog();
let folder: string;
let server: EmbeddedPostgres;
let store: AssessmentStore | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assessment-store-feed-crash-'));
  await chmod(folder, 0o711);
  server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log });
  await migrate({ databaseUrl: server.url, log });
  await query('alter system set max_prepared_transactions = 600');
  await query(`alter system set wal_writer_delay = '10s'`); // what nobody waits for stays in memory for longer
  await query('alter system set autovacuum = off');
  await restart();
}, 60_000);
afterEach(async () => {
  await store?.stop();
  store = undefined;
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function restart(): Promise<void> {
  await server.stop();
  server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log });
}

async function open(onStatement?: (sql: string) => void): Promise<AssessmentStore> {
  store = await openStore({ databaseUrl: server.url, log, reconcileMs: 50, maintenanceMs: 3_600_000, ...(onStatement && { onStatement }) });
  return store;
}

async function query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
  const client = new pg.Client(server.url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

const insert = (id: string) =>
  `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash) values (gen_random_uuid(), '${id}', 'health', 'api', '{}', '')`;
const versions = async () =>
  (await query<{ name: string }>(`select assessment_id || ' ' || version_to as name from assessment_state_audit`)).map(({ name }) => name);

/**
 * Uses up transaction ids for nothing, waits until the log has been read, and crashes the server; gives the highest of the ids. PostgreSQL makes
 * no haste to write down what has changed nothing, as long as it is little.
 */
async function crashAfterBurning(untilRead: () => Promise<unknown>): Promise<number> {
  const client = new pg.Client(server.url);
  client.on('error', () => {});
  await client.connect();
  const ended = new Promise((resolve) => void client.once('end', resolve));
  const { pid } = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0] ?? expect.fail();
  let highest = 0;
  for (let count = 0; count < 50; count++) highest = Number((await client.query('select pg_current_xact_id()::text as id')).rows[0].id);
  await untilRead();
  process.kill(pid, 'SIGKILL');
  await ended;
  return highest;
}

test('a crash that gives transaction ids out a second time costs a feed nothing', { timeout: 200_000 }, async () => {
  let reads = 0;
  const running = await open((sql) => void (sql.includes('readFresh') && reads++));
  const reader = await FeedReader.open(running, actor);
  const written: string[] = [];
  const create = async (assessmentId: string): Promise<number> => {
    await eventually(
      'it can be created',
      () => running.createAssessment({ assessmentId, type: 'HEALTH' }, actor).catch(() => undefined),
      30_000,
    );
    written.push(`${assessmentId} 1`);
    const [row] = await query<{ id: number }>(
      `select txid::text::int as id from assessment_state_audit where assessment_id = '${assessmentId}'`,
    );
    return row?.id ?? expect.fail();
  };
  await create('before');
  for (let crash = 1; ; crash++) {
    if (crash > 8) expect.fail('no id was given out a second time');
    await eventually('nothing else is being written', async () => (await query('select from assessment_search_pending')).length === 0);
    const highest = await crashAfterBurning(() => {
      const enough = reads + 2; // of which the second has begun after now
      return eventually('the log has been read', () => reads >= enough);
    });
    const id = await create(`after-${crash}`);
    await reader.heard(`after-${crash}`);
    if (id <= highest) break;
  }
  const resumed = await FeedReader.open(running, actor, {}, reader.told.slice(0, 1));
  await resumed.heard(written.at(-1)?.split(' ')[0] ?? '');
  for (const each of [reader, resumed]) {
    await each.stop();
    expectWhole(each.told, written);
  }
});

test('hundreds of prepared transactions keep nothing back but themselves, and more than a cursor can name delay the rest only until some have ended', async () => {
  const running = await open();
  const create = (assessmentId: string) => running.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  const reader = await FeedReader.open(running, actor);
  const each = async (from: number, to: number, sql: (n: number) => string) => {
    const client = new pg.Client(server.url);
    await client.connect();
    for (let n = from; n < to; n++) await client.query(sql(n));
    await client.end();
  };
  const prepare = (from: number, to: number) => each(from, to, (n) => `begin; ${insert(`prepared-${n}`)}; prepare transaction 'p${n}'`);
  const finish = (from: number, to: number) => each(from, to, (n) => `${n % 50 === 0 ? 'rollback' : 'commit'} prepared 'p${n}'`);
  await prepare(0, 390);
  await create('beside many');
  await reader.heard('beside many');
  expect(reader.told).toHaveLength(1);
  await prepare(390, 500);
  await create('beside too many');
  const waiting = await FeedReader.open(running, actor, {}, reader.told);
  const cursors = [reader.told.map(updateCursor), await running.feedCursor(actor)].flat();
  for (const cursor of cursors) expect(cursor.length).toBeLessThan(8_000);
  await finish(450, 500);
  await finish(0, 60);
  await reader.heard('beside too many');
  await waiting.heard('beside too many');
  const halfway = await FeedReader.open(running, actor, {}, reader.told);
  await finish(60, 450);
  await create('in the end');
  const told = (await versions()).filter((name) => /^(prepared|beside|in the end)/.test(name));
  expect(told).toHaveLength(490 + 3);
  for (const one of [reader, waiting, halfway]) {
    await one.heard('in the end');
    await one.stop();
    expectWhole(one.told, told);
  }
});

test('a failover refuses the cursors of before, and feeds go on from the new timeline', async () => {
  const before = await FeedReader.open(await open(), actor, { after: '0' });
  await before.heard('in the end');
  await store?.stop();
  await server.stop();
  // As a standby that takes over: recovery from an archive that has nothing more, then a new timeline.
  const cluster = join(server.dataFolder, 'cluster');
  await appendFile(join(cluster, 'postgresql.auto.conf'), "restore_command = 'false'\n");
  await writeFile(join(cluster, 'recovery.signal'), '');
  server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log });
  const running = await open();
  expect(await refusalOf(FeedReader.open(running, actor, {}, before.told))).toBeInstanceOf(CursorExpiredError);
  const [all, live] = [await FeedReader.open(running, actor, { after: '0' }), await FeedReader.open(running, actor)];
  await running.createAssessment({ assessmentId: 'on the new timeline', type: 'HEALTH' }, actor);
  await live.heard('on the new timeline');
  await all.heard('on the new timeline');
  const resumed = await FeedReader.open(running, actor, {}, all.told.slice(0, 5));
  await resumed.heard('on the new timeline');
  await Promise.all([all, live, resumed].map((reader) => reader.stop()));
  expect(live.told).toHaveLength(1);
  for (const each of [all, resumed]) expectWhole(each.told, await versions());
  const epochs = await query<{ history: string }>('select history from assessment_log_epoch order by epoch');
  expect(epochs.map(({ history }) => history.split(':').at(-1))).toEqual(['00000001', '00000002']);
});
