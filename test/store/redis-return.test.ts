import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

// The tick does not come within the test: what is heard of in spite of a lost message, is heard of because Redis came back.
const reconcileMs = 3_600_000;

describe.skipIf(noOwnRedis)('two instances whose Redis goes away and comes back', () => {
  let redis: OwnRedis;
  let tested: TestStore;
  let other: AssessmentStore;
  beforeAll(async () => {
    redis = await startOwnRedis();
    tested = await startTestStore({ reconcileMs, redisUrl: redis.url });
    other = await openStore({ databaseUrl: tested.database.url, log: tested.log, reconcileMs, redisUrl: redis.url });
    await busesAre('HEALTHY');
  });
  afterAll(async () => {
    await other.stop();
    await tested.stop();
    await redis.kill();
  });

  const busOf = async (store: AssessmentStore) => (await store.getHealthStatus()).checks.find(({ name }) => name === 'bus')?.status;
  const busesAre = (status: string) =>
    eventually(`both buses are ${status}`, async () => (await busOf(tested.store)) === status && (await busOf(other)) === status);

  async function submit(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((assessmentId) => tested.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor)));
    await Promise.all(ids.map((assessmentId) => tested.store.startProcessing({ assessmentId }, actor)));
  }
  const complete = (ids: readonly string[]) =>
    Promise.all(ids.map((assessmentId) => tested.store.completeAssessment({ assessmentId, result: {} }, actor)));
  const wait = async (assessmentId: string) =>
    (await other.waitForCompletion({ assessmentId, timeoutMs: 600_000 }, actor)).assessment.state;

  test('hanging: a watch waits for its subscription half a second, then begins, and catches up when that is confirmed', async () => {
    await busesAre('HEALTHY');
    await submit(['hung']);
    redis.signal('SIGSTOP');
    const begun = performance.now();
    const watch = await other.watchAssessment({ assessmentId: 'hung', afterVersion: 2 }, actor);
    const took = performance.now() - begun;
    const psql = await tested.database.connect(); // whose change no instance tells of
    await psql.query("update assessment_states set state = 'cancelled' where assessment_id = 'hung'");
    redis.signal('SIGCONT');
    expect((await watch.next()).value).toMatchObject({ kind: 'CANCELLED', assessment: { version: 3 } });
    expect(took).toBeGreaterThan(450);
    expect(took).toBeLessThan(1_900);
  });

  test('killed and started again: commands go on, and what was missed is delivered when it is back', async () => {
    const ids = Array.from({ length: 100 }, (_, number) => `killed-${number}`);
    const late = ids.map((id) => `${id}-late`);
    await submit([...ids, ...late]);
    const waits = ids.map(wait);
    await eventually('all wait', () => other.watching === ids.length);
    await redis.kill();
    await busesAre('DEGRADED');
    const lateWaits = late.map(wait);
    await complete([...ids, ...late.slice(0, 50)]);
    await redis.start();
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['COMPLETED']));
    await busesAre('HEALTHY');
    await complete(late.slice(50));
    expect(new Set(await Promise.all(lateWaits))).toEqual(new Set(['COMPLETED']));
    expect(other.watching).toBe(0);
  });

  test.each(['normal', 'pubsub'] as const)('its %s connections cut by CLIENT KILL: the same', async (type) => {
    await busesAre('HEALTHY');
    const ids = Array.from({ length: 200 }, (_, number) => `${type}-${number}`);
    await submit(ids);
    const waits = ids.map(wait);
    await eventually('all wait', () => other.watching === ids.length);
    for (let done = 0; done < ids.length; done += 20) {
      await redis.cutConnections(type);
      await complete(ids.slice(done, done + 20)); // before they are connected again
    }
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['COMPLETED']));
  });
});
