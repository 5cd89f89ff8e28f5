import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import {
  type AssessmentStore,
  CursorExpiredError,
  openStore,
  type StoreOptions,
  UnavailableError,
  updateCursor,
} from '../../src/store/index.ts';
import { runSql } from '../database/scratch.ts';
import { expectWhole, FeedReader, versionOf } from '../support/feed-reader.ts';
import { refusalOf } from '../support/outcomes.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import { actor } from '../support/test-store.ts';

const first = ['one 1', 'one 2', 'two 1', 'two 2', 'gone 1', 'gone 2'];

async function open(databaseUrl: string, options: Partial<StoreOptions> = {}): Promise<AssessmentStore> {
  const store = await openStore({ databaseUrl, log: new TestLog(), reconcileMs: 40, maintenanceMs: 3_600_000, ...options });
  onTestFinished(() => store.stop());
  return store;
}
async function end(store: AssessmentStore, assessmentId: string): Promise<void> {
  await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  await store.cancelAssessment({ assessmentId }, actor);
}
async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => {}); // dropped with the database
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

/** A database with a history, as it is brought elsewhere: a copy; and a cursor from the original. */
async function copied(): Promise<{ url: string; cursor: string }> {
  const original = await createTestDatabase();
  const store = await openStore({ databaseUrl: original.url, log: new TestLog() });
  const reader = await FeedReader.open(store, actor);
  for (const id of ['one', 'two', 'gone']) await end(store, id);
  await reader.heard('gone', 2);
  await reader.stop();
  await store.stop();
  await runSql(original.url, `delete from assessment_states where assessment_id = 'gone'`);
  const name = `assessment_copy_${randomUUID().replaceAll('-', '')}`;
  await runSql(inject('serverUrl'), `create database ${name} template ${new URL(original.url).pathname.slice(1)}`);
  await original.drop();
  onTestFinished(async () => void (await runSql(inject('serverUrl'), `drop database ${name} with (force)`)));
  expect(reader.told.map(versionOf)).toEqual(first);
  return {
    url: Object.assign(new URL(inject('serverUrl')), { pathname: `/${name}` }).href,
    cursor: updateCursor(reader.told[0] ?? expect.fail()),
  };
}

/** That feeds work here: all that was there, then what happens, live and after every cursor. */
async function expectFeeds(store: AssessmentStore): Promise<void> {
  const [all, live] = [await FeedReader.open(store, actor, { after: '0' }), await FeedReader.open(store, actor)];
  await end(store, 'three');
  await live.heard('three', 2);
  await all.heard('three', 2);
  const versions = [...first.slice(0, 4), 'three 1', 'three 2'];
  expectWhole(all.told, versions);
  expect(live.told.map(versionOf)).toEqual(versions.slice(4));
  for (let known = 1; known <= versions.length; known++) {
    const resumed = await FeedReader.open(store, actor, {}, all.told.slice(0, known));
    await resumed.heard('three', 2);
    await resumed.stop();
    expectWhole(resumed.told, versions);
  }
  await Promise.all([all.stop(), live.stop()]);
}

describe('a database with another history', () => {
  test('refuses the cursors of its origin, and has feeds of its own', async () => {
    const { url, cursor } = await copied();
    const stores = await Promise.all([open(url), open(url)]);
    const errors = await Promise.all(stores.map((store) => refusalOf(store.feedAssessments({ after: cursor }, actor)))); // both enter it at once
    for (const error of errors) {
      expect(error).toBeInstanceOf(CursorExpiredError);
      expect(String(error)).toContain('restored');
    }
    for (const store of stores.slice(0, 1)) await expectFeeds(store);
    expect(await runSql(url, 'select count(*)::int as epochs from assessment_log_epoch where history = assessment_log_history()')).toEqual([
      { epochs: 1 },
    ]);
  });

  test.each([
    ['far above', '1000000000'],
    ['far below', '-1000000000'],
  ])('whose rows have transaction ids from a cluster that was %s this one', async (_, distance) => {
    const { url } = await copied();
    await runSql(
      url,
      `begin; set local session_replication_role = replica;
       update assessment_state_audit set txid = greatest(3, txid::text::bigint + ${distance})::text::xid8;
       update assessment_log_cut set txid = greatest(3, txid::text::bigint + ${distance})::text::xid8, cut_by = greatest(3, cut_by::text::bigint + ${distance})::text::xid8;
       commit`,
    );
    const store = await open(url);
    await expectFeeds(store);
    const live = await FeedReader.open(store, actor);
    await end(store, 'deleted');
    await live.heard('deleted', 2);
    await runSql(url, `delete from assessment_states where assessment_id = 'deleted'`);
    expect(await refusalOf(FeedReader.open(store, actor, {}, live.told.slice(0, 1)))).toBeInstanceOf(CursorExpiredError);
    await end(store, 'after that');
    await live.heard('after that', 2);
    await live.stop();
  });

  test('is not entered while a change of before is under way; commands go on, and the change is told of once', async () => {
    const { url } = await copied();
    const psql = await connect(url);
    const store = await open(url);
    await store.createAssessment({ assessmentId: 'held', type: 'HEALTH' }, actor);
    await psql.query('begin');
    await psql.query(`update assessment_states set message = 'not yet' where assessment_id = 'held'`);
    const refused = refusalOf(store.feedAssessments({}, actor));
    expect(await refused).toBeInstanceOf(UnavailableError);
    await store.createAssessment({ assessmentId: 'meanwhile', type: 'HEALTH' }, actor);
    expect(store.feeding).toBe(0);
    await psql.query('commit');
    const reader = await FeedReader.open(store, actor, { after: '0' });
    await end(store, 'last');
    await reader.heard('last', 2);
    await reader.stop();
    expectWhole(reader.told, [...first.slice(0, 4), 'held 1', 'held 2', 'meanwhile 1', 'last 1', 'last 2']);
  });
});

/** As if the cluster had failed over: its write-ahead log goes on on another timeline. */
const failOver = (url: string, timeline: string) =>
  runSql(url, `create or replace function assessment_log_history() returns text language sql stable as $$ select '1:2:${timeline}' $$`);

describe('a database that fails over', () => {
  test('ends the feeds that are open, takes new ones at once, whatever is under way, and refuses the old cursors', async () => {
    const { url } = await copied();
    await failOver(url, '00000001');
    const psql = await connect(url);
    const store = await open(url);
    const reader = await FeedReader.open(store, actor);
    await end(store, 'three');
    await reader.heard('three', 2);
    await psql.query('begin');
    await psql.query(
      `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash) values (gen_random_uuid(), 'late', 'health', 'api', '{}', '')`,
    );
    await failOver(url, '00000002');
    const anew = await FeedReader.open(store, actor); // notices it, and is not harmed by it
    await end(store, 'four');
    await anew.heard('four', 2);
    expect(reader.error).toBeInstanceOf(CursorExpiredError);
    expect(await refusalOf(FeedReader.open(store, actor, {}, reader.told))).toBeInstanceOf(CursorExpiredError);
    await psql.query('commit');
    await anew.heard('late');
    const all = await FeedReader.open(store, actor, { after: '0' });
    await all.heard('late');
    await Promise.all([anew.stop(), all.stop()]);
    expect(anew.told.map(versionOf)).toEqual(['four 1', 'four 2', 'late 1']);
    expectWhole(all.told, [...first.slice(0, 4), 'three 1', 'three 2', 'four 1', 'four 2', 'late 1']);
  });
});

test('a role that may not read the control data of the cluster has feeds all the same', async () => {
  const database = await createTestDatabase();
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  onTestFinished(async () => {
    await database.drop();
    await runSql(inject('serverUrl'), `drop role ${role}`);
  });
  await runSql(
    database.url,
    `create role ${role} login password 'secret'; grant create on schema public to ${role};
     do $$ declare statement text; begin
       for statement in
         select format('alter table %s owner to ${role}', oid::regclass) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
         union all
         select format('alter function %s owner to ${role}', oid::regprocedure) from pg_proc where pronamespace = 'public'::regnamespace
       loop execute statement; end loop;
     end $$;
     revoke execute on function pg_control_system() from public`,
  );
  const store = await openStore({
    databaseUrl: Object.assign(new URL(database.url), { username: role, password: 'secret' }).href,
    ...{ log: new TestLog(), reconcileMs: 40 },
  });
  const reader = await FeedReader.open(store, actor);
  await end(store, 'one');
  await reader.heard('one', 2);
  const resumed = await FeedReader.open(store, actor, {}, reader.told.slice(0, 1));
  await resumed.heard('one', 2);
  await store.stop();
  expect(
    await runSql(database.url, `select history like 'unknown:%' as unknown from assessment_log_epoch order by epoch desc limit 1`),
  ).toEqual([{ unknown: true }]);
});
