import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/store/index.ts';
import { RedisGuard } from '../../src/store/redis-guard.ts';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

test('after some failures in a row nobody waits, but one now and then; the first answer lets in all others', async () => {
  const guard = new RedisGuard();
  let asked = 0;
  const fail = () => guard.ask(() => Promise.reject(new Error(`failure ${++asked}`)));
  for (let times = 0; times < 20; times++) expect(await fail()).toBeUndefined();
  expect({ asked, state: guard.state }).toEqual({ asked: 5, state: 'open' });
  await eventually('it has been tried again', async () => (await guard.ask(() => Promise.resolve('answer'))) === 'answer');
  expect(guard.state).toBe('closed');
});

test('what is too much to wait for at a time goes without, and says nothing about Redis', async () => {
  const guard = new RedisGuard();
  let answer = (): void => {};
  const answered = new Promise<string>((resolve) => {
    answer = () => resolve('answer');
  });
  const asked = Array.from({ length: 300 }, () => guard.ask(() => answered));
  answer();
  const answers = await Promise.all(asked);
  expect(answers.filter((one) => one === 'answer')).toHaveLength(256);
  expect(guard.state).toBe('closed');
});

describe.skipIf(noOwnRedis)('a Redis that takes connections and hangs', () => {
  let redis: OwnRedis;
  let tested: TestStore;
  beforeAll(async () => {
    redis = await startOwnRedis();
    tested = await startTestStore({ redisUrl: redis.url, reconcileMs: 200 });
    await eventually('Redis is there', async () => (await tested.store.getHealthStatus()).status === 'HEALTHY');
  });
  afterAll(async () => {
    redis.signal('SIGCONT');
    await tested.stop();
    await redis.kill();
  });

  test('fails nothing: commands, reads and waits go on while it hangs, and after', async () => {
    const other = await openStore({ databaseUrl: tested.database.url, redisUrl: redis.url, reconcileMs: 200, log: tested.log });
    const ids = Array.from({ length: 50 }, (_, number) => `hung-${number}`);
    redis.signal('SIGSTOP');
    await Promise.all(ids.map((assessmentId) => tested.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor)));
    const waits = ids.map((assessmentId) => other.waitForCompletion({ assessmentId, timeoutMs: 30_000 }, actor));
    await Promise.all(ids.map((assessmentId) => tested.store.cancelAssessment({ assessmentId }, actor)));
    for (const { assessment } of await Promise.all(waits)) expect(assessment.state).toBe('CANCELLED');
    for (const id of ids) expect(await other.loaders(actor).assessment.load(id)).toMatchObject({ state: 'CANCELLED' });
    redis.signal('SIGCONT');
    await eventually('Redis is back', async () => (await tested.store.getHealthStatus()).status === 'HEALTHY');
    expect(tested.store.breakers.map(({ name }) => name)).toEqual(['database', 'redis']);
    await other.stop();
  });
});
