import { afterEach, describe, expect, test } from 'vitest';
import { createAssessmentClient } from '../../src/client/client.ts';
import { createWorker } from '../../src/worker/index.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp } from '../support/test-app.ts';
import { endOf, startWorkerBench, submit, submitOne, type WorkerBench } from './support/worker-bench.ts';

/** Has one assessment begun, then locks its row as an operator may; gives what ends the handler, and what ends the lock. */
async function lockWhileRunning(
  bench: WorkerBench,
  end: (settle: { resolve: (result: object) => void; reject: (error: Error) => void }) => void,
) {
  let finish = (): void => {};
  const worker = bench.work({
    prefetch: 0,
    handlers: {
      HEALTH: ({ assessment }) => {
        if (assessment.assessmentId !== 'locked') return {};
        return new Promise((resolve, reject) => {
          finish = () => end({ resolve: (result) => resolve({ ...result }), reject });
        });
      },
    },
  });
  const assessmentId = await submitOne(bench.store, { assessmentId: 'locked' });
  await eventually('it runs', () => worker.stats.running === 1);
  const operator = await bench.database.connect();
  await operator.query('begin');
  await operator.query("select from assessment_states where assessment_id = 'locked' for update");
  finish();
  const triedInVain = (): boolean => bench.log.lines.some(({ message }) => message.includes('did not get through'));
  return { assessmentId, worker, triedInVain, unlock: () => operator.query('commit') };
}

describe('a row that somebody holds locked', () => {
  let bench: WorkerBench;
  afterEach(() => bench.stop());

  test('loses no result: it is sent again', async () => {
    bench = await startWorkerBench({ lockPatienceMs: 100 });
    const { assessmentId, worker, triedInVain, unlock } = await lockWhileRunning(bench, ({ resolve }) => resolve({ kept: true }));
    await eventually('it was tried in vain', triedInVain);
    expect(worker.stats).toMatchObject({ reporting: 1, failed: 0, dropped: 0 });
    await unlock();
    expect(await endOf(bench.store, assessmentId)).toMatchObject({ state: 'COMPLETED', resultData: { kept: true } });
  });

  test('loses no failure either', async () => {
    bench = await startWorkerBench({ lockPatienceMs: 100 });
    const { assessmentId, triedInVain, unlock } = await lockWhileRunning(bench, ({ reject }) => reject(new Error('broken')));
    await eventually('it was tried in vain', triedInVain);
    await unlock();
    expect(await endOf(bench.store, assessmentId)).toMatchObject({ state: 'FAILED', errorMessage: expect.stringContaining('broken') });
  });

  test('keeps no others waiting, while the service tries to get at it', async () => {
    bench = await startWorkerBench({ lockPatienceMs: 60_000 });
    const { assessmentId, worker, triedInVain, unlock } = await lockWhileRunning(bench, ({ resolve }) => resolve({}));
    await submit(bench.store, 20);
    await eventually('the others are completed', () => worker.stats.completed === 20);
    expect({ reporting: worker.stats.reporting, vain: triedInVain() }).toEqual({ reporting: 1, vain: false });
    await unlock();
    expect((await endOf(bench.store, assessmentId)).state).toBe('COMPLETED');
  });
});

test('a result that is too large for a request fails its assessment alone, not those that it was sent with', async () => {
  const app = await startTestApp({ MAX_REQUEST_BYTES: 16_384 });
  const client = createAssessmentClient({ url: app.url });
  const worker = createWorker({
    client,
    concurrency: 20,
    graceMs: 1_000,
    handlers: { HEALTH: async ({ assessment }) => ({ text: 'x'.repeat(assessment.serverName === 'large' ? 20_000 : 10) }) },
  });
  const create = async (serverName: string) => (await client.createAssessment({ type: 'HEALTH', serverName })).assessment.assessmentId;
  const small = await Promise.all(Array.from({ length: 10 }, () => create('small')));
  const large = await create('large');
  worker.start();
  const end = async (assessmentId: string) => (await client.waitForCompletion({ assessmentId })).assessment;
  expect(await end(large)).toMatchObject({ state: 'FAILED', errorMessage: expect.stringContaining('at most 16384 bytes') });
  for (const { state } of await Promise.all(small.map(end))) expect(state).toBe('COMPLETED');
  await worker.stop();
  await client.close();
  await app.stop();
});
