import { afterEach, describe, expect, inject, test } from 'vitest';
import { createAssessmentClient } from '../../src/client/client.ts';
import { CancelledError } from '../../src/worker/errors.ts';
import { createWorker, type Worker } from '../../src/worker/worker.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function startTwo(redisUrl: string | undefined): Promise<{ database: TestDatabase; one: TestApp; two: TestApp }> {
  const database = await createTestDatabase();
  ends.push(() => database.drop());
  const start = async (): Promise<TestApp> => {
    const app = await startTestApp({ REDIS_URL: redisUrl, RECONCILE_MS: 60_000 }, database);
    ends.push(() => app.stop());
    return app;
  };
  return { database, one: await start(), two: await start() };
}

/** A worker at one instance, busy with an assessment that is then cancelled at the other; how long until its handler hears of it, in milliseconds. */
async function cancelAcross(redisUrl: string | undefined, leaseMs: number): Promise<number> {
  const { one, two } = await startTwo(redisUrl);
  const client = createAssessmentClient({ url: one.url });
  ends.push(() => client.close());
  let begun = false;
  let stoppedBy: unknown;
  const worker: Worker = createWorker({
    ...{ client, leaseMs, concurrency: 1, waitMs: 1_000 },
    handlers: {
      HEALTH: ({ signal }) =>
        new Promise((_, reject) => {
          begun = true;
          signal.addEventListener('abort', () => {
            stoppedBy = signal.reason;
            reject(signal.reason);
          });
        }),
    },
  });
  worker.start();
  ends.push(() => worker.stop());
  await two.send('mutation { createAssessment(input: { assessmentId: "long", type: HEALTH }) { __typename } }');
  await eventually('the handler runs', () => begun, 70_000);
  await eventually('it is watched', () => one.app.store.watching === 1);
  const cancelledAt = performance.now();
  await two.send('mutation { cancelAssessment(input: { assessmentId: "long" }) { __typename } }');
  await eventually('the handler is told', () => stoppedBy !== undefined, leaseMs);
  expect(stoppedBy).toBeInstanceOf(CancelledError);
  return performance.now() - cancelledAt;
}

describe('a cancel at one instance reaches the handler of a worker at another', () => {
  test.skipIf(inject('redisUrl') === '')('in less than a second over Redis', { timeout: 60_000 }, async () => {
    const tookMs = await cancelAcross(inject('redisUrl'), 60_000);
    console.log(`told after ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(1_000);
  });

  test('within one heartbeat without Redis', { timeout: 120_000 }, async () => {
    const leaseMs = 3_000;
    const tookMs = await cancelAcross(undefined, leaseMs);
    console.log(`told after ${Math.round(tookMs)} ms, with a heartbeat every ${leaseMs / 3} ms`);
    expect(tookMs).toBeLessThan(leaseMs / 3 + 1_000);
  });
});
