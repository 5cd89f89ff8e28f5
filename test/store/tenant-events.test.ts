import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type Actor, type AssessmentStore, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { FeedReader } from '../support/feed-reader.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import { acme, globex } from '../support/two-tenants.ts';

const redisUrl = inject('redisUrl');
const withRedis = redisUrl !== '';

// Names that could run into each other where they are put together: tenant and key change places, or a separator moves.
const pairs: [string, Actor, string, Actor, string][] = [
  ['the same key', acme, 'same', globex, 'same'],
  ['a key that is the other’s tenant', acme, 'globex', globex, 'acme'],
  ['a separator that moves', { tenantId: 'a', subject: 's' }, 'b:c', { tenantId: 'a:b', subject: 's' }, 'c'],
  ['a length that is part of it', { tenantId: '1', subject: 's' }, ':1:1:x', { tenantId: '1:1', subject: 's' }, 'x'],
  ['the same words in other letters', { tenantId: 'Acme', subject: 's' }, 'same', { tenantId: 'acme', subject: 's' }, 'Same'],
];

describe.each([
  ['one store', false],
  ['two stores over Redis', true],
])('with %s', (_, isShared) => {
  describe.skipIf(isShared && !withRedis)('and two tenants', () => {
    let database: TestDatabase;
    let stores: AssessmentStore[];
    /** Where it is changed, and where it is watched. */
    let here: AssessmentStore;
    let there: AssessmentStore;
    let statements: string[];
    beforeEach(async () => {
      database = await createTestDatabase();
      statements = [];
      const open = () =>
        openStore({
          ...{ databaseUrl: database.url, log: new TestLog(), reconcileMs: 3_600_000, maintenanceMs: 3_600_000 },
          ...{ onStatement: (sql: string) => void statements.push(sql), ...(isShared && { redisUrl }) },
        });
      stores = isShared ? [await open(), await open()] : [await open()];
      [here, there] = [stores[0] as AssessmentStore, stores.at(-1) as AssessmentStore];
      const busOf = async (store: AssessmentStore) => (await store.getHealthStatus()).checks.find(({ name }) => name === 'bus')?.status;
      if (isShared)
        await eventually('the buses are up', async () => (await busOf(here)) === 'HEALTHY' && (await busOf(there)) === 'HEALTHY');
    });
    afterEach(async () => {
      await Promise.all(stores.map((store) => store.stop()));
      await database.drop();
    });

    const complete = async (assessmentId: string, actor: Actor, result = {}) => {
      await here.startProcessing({ assessmentId }, actor);
      await here.completeAssessment({ assessmentId, result }, actor);
    };

    test.each(pairs)('updates, waits and feeds of one tell nothing of the other: %s', async (__, one, ones, other, others) => {
      await here.createAssessment({ assessmentId: ones, type: 'HEALTH' }, one);
      await here.createAssessment({ assessmentId: others, type: 'HEALTH' }, other);
      const watches = await Promise.all([
        there.watchAssessment({ assessmentId: ones }, one),
        there.watchAssessment({ assessmentId: others }, other),
      ]);
      const feeds = [await FeedReader.open(there, one), await FeedReader.open(there, other)] as const;
      let isOver = false;
      const wait = there.waitForCompletion({ assessmentId: ones, timeoutMs: 60_000 }, one).finally(() => {
        isOver = true;
      });
      const told = watches.map(read);
      await complete(others, other);
      await told[1];
      await feeds[1].heard(others, 3);
      expect(isOver).toBe(false);
      expect(feeds[0].told).toEqual([]);
      await complete(ones, one);
      expect(await wait).toMatchObject({ timedOut: false, assessment: { tenantId: one.tenantId, assessmentId: ones } });
      await feeds[0].heard(ones, 3);
      expect(await Promise.all(told)).toEqual([[`${one.tenantId} ${ones} COMPLETED`], [`${other.tenantId} ${others} COMPLETED`]]);
      for (const feed of feeds) await feed.stop();
      expect(
        feeds.map(({ told }) => [...new Set(told.map(({ assessment }) => `${assessment.tenantId} ${assessment.assessmentId}`))]),
      ).toEqual([[`${one.tenantId} ${ones}`], [`${other.tenantId} ${others}`]]);
    });

    test.each(pairs)('no level of the cache gives one what is the other’s: %s', async (__, one, ones, other, others) => {
      await here.createAssessment({ assessmentId: ones, type: 'HEALTH', serverName: 'one' }, one);
      await complete(ones, one);
      const readers = [() => here, () => there];
      const redis = isShared ? new Redis(redisUrl) : undefined;
      try {
        if (redis)
          await eventually('the entry is in Redis', async () => (await redis.keys(`assessment-store:*:assessment:*${ones}`)).length > 0);
        for (const reader of readers) {
          expect(await reader().loaders(one).assessment.load(ones)).toMatchObject({ serverName: 'one' });
          expect(await reader().loaders(other).assessment.load(others)).toBeNull();
        }
        await here.createAssessment({ assessmentId: others, type: 'HEALTH', serverName: 'other' }, other);
        await complete(others, other);
        for (const reader of readers) {
          expect(await reader().loaders(other).assessment.load(others)).toMatchObject({ serverName: 'other', tenantId: other.tenantId });
          statements.length = 0;
          expect(await reader().loaders(one).assessment.load(ones)).toMatchObject({ serverName: 'one', tenantId: one.tenantId });
          expect(statements.filter((sql) => sql.includes('readByKeys'))).toEqual([]); // it did come from a cache
        }
      } finally {
        redis?.disconnect();
      }
    });

    test('work of one wakes no worker of the other', async () => {
      const abort = new AbortController();
      const worker = (actor: Actor) => there.claimAssessments({ workerId: 'w', waitMs: 60_000 }, actor, abort.signal);
      const [ones, others] = [worker(acme), worker(globex)];
      others.catch(() => {}); // ends by the abort
      await eventually('both wait', () => there.workersWaiting === 2);
      const assessmentId = randomUUID();
      await here.createAssessment({ assessmentId, type: 'HEALTH' }, acme);
      expect(await ones).toMatchObject([{ assessment: { assessmentId, tenantId: 'acme' } }]);
      expect(there.workersWaiting).toBe(1);
      abort.abort();
      await expect(others).rejects.toThrow();
    });
  });
});

const read = async (watch: Awaited<ReturnType<AssessmentStore['watchAssessment']>>): Promise<string[]> => {
  const told = new Set<string>();
  let last = '';
  for await (const { assessment } of watch) last = `${assessment.tenantId} ${assessment.assessmentId} ${assessment.state}`;
  told.add(last);
  return [...told];
};
