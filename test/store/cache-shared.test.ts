import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type Actor, type AssessmentStore, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import { actor } from '../support/test-store.ts';

const redisUrl = inject('redisUrl');

describe.skipIf(redisUrl === '')('the second level of the cache, in Redis', () => {
  let databases: TestDatabase[];
  let redis: Redis;
  let statements: string[];
  let one: AssessmentStore;
  let two: AssessmentStore;
  let elsewhere: AssessmentStore;

  const open = (database: TestDatabase | undefined, onStatement?: (sql: string) => void) =>
    openStore({ databaseUrl: database?.url ?? '', redisUrl, log: new TestLog(), ...(onStatement && { onStatement }) });

  beforeAll(async () => {
    databases = [await createTestDatabase(), await createTestDatabase()];
    redis = new Redis(redisUrl);
    statements = [];
    one = await open(databases[0]);
    two = await open(databases[0], (sql) => statements.push(sql));
    elsewhere = await open(databases[1]);
  });
  afterAll(async () => {
    await Promise.all([one, two, elsewhere].map((store) => store.stop()));
    redis.disconnect();
    await Promise.all(databases.map((database) => database.drop()));
  });

  let assessmentId: string;
  beforeEach(() => {
    assessmentId = `shared ${randomUUID()}`;
  });

  async function complete(store: AssessmentStore, by: Actor = actor, key = assessmentId): Promise<void> {
    await store.createAssessment({ assessmentId: key, type: 'HEALTH' }, by);
    await store.startProcessing({ assessmentId: key }, by);
    await store.completeAssessment({ assessmentId: key, result: {} }, by);
  }
  const entries = (key: string) => redis.keys(`assessment-store:*${key.replaceAll(/[[\]*?]/g, '?')}*`);
  const inRedis = (key = assessmentId) => eventually('the entry is in Redis', async () => (await entries(key)).length > 0);
  const read = (store: AssessmentStore, by: Actor = actor, key = assessmentId) => store.loaders(by).assessment.load(key);

  test('what one store has completed another reads without a statement, dates and all', async () => {
    await complete(one);
    await inRedis();
    statements.length = 0;
    const assessment = await read(two);
    expect(statements).toEqual([]);
    expect(assessment).toEqual((await one.listAssessments({ where: { assessmentId: { eq: assessmentId } } }, actor)).items[0]?.node);
    expect(assessment?.completedAt).toBeInstanceOf(Date);
  });

  test('a store on another database has nothing of it', async () => {
    await complete(one);
    await inRedis();
    expect(await read(elsewhere)).toBeNull();
    await elsewhere.createAssessment({ assessmentId, type: 'SECURITY' }, actor);
    expect(await read(elsewhere)).toMatchObject({ state: 'PENDING', type: 'SECURITY' });
    expect(await read(two)).toMatchObject({ state: 'COMPLETED', type: 'HEALTH' });
  });

  test('another tenant has nothing of it, however the names of tenant and key are put together', async () => {
    const key = `b:${assessmentId}`;
    await complete(one, { tenantId: 'a', subject: 'x' }, key);
    await inRedis(key);
    expect(await read(two, { tenantId: 'a:b', subject: 'y' }, assessmentId)).toBeNull();
  });

  test('only what can no longer change is there', async () => {
    await one.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    await one.startProcessing({ assessmentId }, actor);
    await read(one);
    await one.failAssessment({ assessmentId, error: 'x' }, actor);
    await read(one);
    await complete(one, actor, `${assessmentId} after`);
    await inRedis(`${assessmentId} after`);
    expect(await entries(assessmentId)).toHaveLength(1);
  });

  test('entries go by themselves', async () => {
    await complete(one);
    await inRedis();
    const [entry] = await entries(assessmentId);
    const left = await redis.pttl(entry ?? '');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  test('a key that one store creates again is the new assessment for a store that has not read it before', async () => {
    await complete(one);
    await inRedis();
    const psql = new pg.Client(databases[0]?.url);
    await psql.connect();
    await psql.query('delete from assessment_states where assessment_id = $1', [assessmentId]);
    await psql.end();
    const { assessment } = await one.createAssessment({ assessmentId, type: 'SECURITY' }, actor);
    await eventually('the old entry is gone', async () => (await entries(assessmentId)).length === 0);
    expect(await read(two)).toMatchObject({ id: assessment.id, state: 'PENDING' });
  });

  test('what is no assessment in Redis is not taken for one', async () => {
    await complete(one);
    await inRedis();
    const [entry] = await entries(assessmentId);
    await redis.hset(entry ?? '', 'assessment', 'not JSON');
    expect(await read(two)).toMatchObject({ state: 'COMPLETED' });
  });
});

test.skipIf(redisUrl === '')('a Redis that is away costs the reader nothing but the statement', async () => {
  const database = await createTestDatabase();
  const store = await openStore({ databaseUrl: database.url, redisUrl: 'redis://127.0.0.1:1', log: new TestLog(), cacheEntries: 1 });
  for (const assessmentId of ['a', 'b']) {
    await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    await store.cancelAssessment({ assessmentId }, actor);
  }
  const begun = performance.now();
  expect(await store.loaders(actor).assessment.load('a')).toMatchObject({ state: 'CANCELLED' });
  expect(performance.now() - begun).toBeLessThan(2_000);
  await store.stop();
  await database.drop();
});
