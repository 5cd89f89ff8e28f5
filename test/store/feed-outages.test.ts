import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Actor, type AssessmentStore, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { expectWhole, FeedReader } from '../support/feed-reader.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { refusalOf } from '../support/outcomes.ts';
import { startOwnRedis } from '../support/own-redis.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import { openTwoStores } from '../support/two-stores.ts';

async function versionsOf(database: TestDatabase, { tenantId }: Actor): Promise<string[]> {
  const psql = await database.connect();
  const { rows } = await psql.query<{ version: string }>(
    `select assessment_id || ' ' || version_to as version from assessment_state_audit where tenant_id = $1`,
    [tenantId],
  );
  await psql.end();
  return rows.map(({ version }) => version);
}

/** Lifecycles, one after another, until it is told to stop; gives how many. */
async function work(store: AssessmentStore, actor: Actor, isOver: () => boolean): Promise<number> {
  let done = 0;
  for (; !isOver(); done++) {
    const assessmentId = `work-${done}`;
    await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    await store.startProcessing({ assessmentId }, actor);
    await store.completeAssessment({ assessmentId, result: {} }, actor);
  }
  return done;
}

const newActor = (): Actor => ({ tenantId: randomUUID(), subject: 'tester' });

describe('a database that goes away and comes back', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let away: AssessmentStore;
  let here: AssessmentStore;
  const log = new TestLog();
  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await TcpProxy.before(database.url);
    here = await openStore({ databaseUrl: database.url, log: new TestLog() });
    away = await openStore({ databaseUrl: proxy.through(database.url), log, reconcileMs: 100, statementTimeoutMs: 500, feedBuffer: 20 });
  });
  afterAll(async () => {
    await Promise.all([away.stop(), here.stop()]);
    await proxy.stop();
    await database.drop();
  });

  test.each([
    ['breaks its connections off', () => proxy.cut()],
    ['falls silent', async () => proxy.fallSilent()],
  ])('where it %s: feeds go on by themselves, nothing is missed and nothing doubled', async (_, take) => {
    const actor = newActor();
    const live = await FeedReader.open(away, actor);
    let isOver = false;
    const working = work(here, actor, () => isOver);
    await live.heard('work-5', 3);
    const readers = [live];
    for (let round = 0; round < 2; round++) {
      log.lines.length = 0;
      await take();
      await eventually('it is noticed', () => log.lines.some(({ message }) => message.includes('could not be read for feeds')), 20_000);
      const told = readers.map((reader) => reader.told.length);
      await proxy.restore();
      await eventually('they go on', () => readers.every((reader, index) => reader.told.length > (told[index] ?? 0)), 20_000);
      readers.push(await FeedReader.open(away, actor, {}, live.told.slice(0, 1 + round)));
    }
    isOver = true;
    const done = await working;
    const versions = await versionsOf(database, actor);
    expect(versions).toHaveLength(3 * done);
    for (const reader of readers) {
      await reader.heard(`work-${done - 1}`, 3);
      await reader.stop();
      expectWhole(reader.told, versions);
    }
    expect(away.feeding).toBe(0);
  });

  test('in the middle of a replay: it goes on where it was', async () => {
    const actor = newActor();
    for (let batch = 0; batch < 3; batch++) {
      const assessments = Array.from({ length: 500 }, (_, index) => ({ assessmentId: `${batch}-${index}`, type: 'HEALTH' as const }));
      await here.batchCreateAssessments({ assessments }, actor);
    }
    const feed = await away.feedAssessments({ after: '0' }, actor);
    const told = [];
    for (let round = 0; round < 1_500; round++) {
      if (round % 400 === 100) void proxy.cut().then(() => proxy.restore());
      const { value } = await feed.next();
      told.push(value ?? expect.fail('the feed ended'));
    }
    await feed.return();
    expectWhole(told, await versionsOf(database, actor));
  });

  test('before a feed is opened: it is refused, leaves nothing behind, and can be opened afterwards', async () => {
    const actor = newActor();
    await proxy.cut();
    for (const after of [undefined, '0']) expect(await refusalOf(away.feedAssessments({ after }, actor))).toBeInstanceOf(Error);
    expect(away.feeding).toBe(0);
    await proxy.restore();
    const reader = await eventually('it can be opened', () => FeedReader.open(away, actor).catch(() => undefined));
    await here.createAssessment({ assessmentId: 'after', type: 'HEALTH' }, actor);
    await reader.heard('after');
    await reader.stop();
  });
});

describe.skipIf(noOwnRedis)('a Redis that is lost', () => {
  test('loses nothing for feeds: what it did not tell of is read when it is back', async () => {
    const redis = await startOwnRedis();
    const { one, two, database, busesAre, close } = await openTwoStores(redis.url); // no tick comes within the test
    const actor = newActor();
    const reader = await FeedReader.open(two, actor);
    const create = (assessmentId: string) => one.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    await create('with it');
    await reader.heard('with it');
    await redis.kill();
    await busesAre('DEGRADED');
    const late = await FeedReader.open(two, actor, { after: '0' }); // opened without a bus
    await late.heard('with it');
    await create('without it');
    expect(reader.told).toHaveLength(1);
    await redis.start();
    await busesAre('HEALTHY');
    for (const each of [reader, late]) await each.heard('without it');
    for (let round = 0; round < 10; round++) {
      await redis.cutConnections(round % 2 === 0 ? 'pubsub' : 'normal');
      await create(`cut-${round}`);
    }
    await busesAre('HEALTHY');
    await create('last');
    for (const each of [reader, late]) {
      await each.heard('last');
      await each.stop();
      expectWhole(each.told, await versionsOf(database, actor));
    }
    await close();
    await redis.kill();
  });
});
