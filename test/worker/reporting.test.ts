import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAssessmentClient } from '../../src/client/client.ts';
import { createWorker } from '../../src/worker/index.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';
import { endOf, startWorkerBench, submit, submitOne, type WorkerBench } from './support/worker-bench.ts';

describe('what the service cannot take now is reported later', () => {
  let bench: WorkerBench;
  beforeEach(async () => {
    bench = await startWorkerBench({ lockPatienceMs: 300 });
  });
  afterEach(() => bench.stop());

  test('a row that somebody holds locked loses no result, and keeps no other waiting', async () => {
    let finish = (): void => {};
    const worker = bench.work({
      prefetch: 0,
      handlers: {
        HEALTH: ({ assessment }) => {
          if (assessment.assessmentId !== 'locked') return {};
          return new Promise((resolve) => {
            finish = () => resolve({ kept: true });
          });
        },
      },
    });
    const locked = await submitOne(bench.store, { assessmentId: 'locked' });
    await eventually('it runs', () => worker.stats.running === 1);
    const operator = await bench.database.connect();
    await operator.query('begin');
    await operator.query("select from assessment_states where assessment_id = 'locked' for update");
    finish();
    await eventually('it was tried in vain', () => bench.log.lines.some(({ message }) => /1 reports did not get through/.test(message)));
    expect(worker.stats).toMatchObject({ reporting: 1, failed: 0, dropped: 0 });
    const others = await submit(bench.store, 20);
    await eventually('the others are completed', () => worker.stats.completed === 20);
    await operator.query('commit');
    expect(await endOf(bench.store, locked)).toMatchObject({ state: 'COMPLETED', resultData: { kept: true } });
    expect(others).toHaveLength(20);
  });

  test('a failure, too', async () => {
    let finish = (): void => {};
    const worker = bench.work({
      handlers: {
        HEALTH: () =>
          new Promise((_, reject) => {
            finish = () => reject(new Error('broken'));
          }),
      },
    });
    const locked = await submitOne(bench.store, { assessmentId: 'locked' });
    await eventually('it runs', () => worker.stats.running === 1);
    const operator = await bench.database.connect();
    await operator.query('begin');
    await operator.query("select from assessment_states where assessment_id = 'locked' for update");
    finish();
    await eventually('it was tried in vain', () => bench.log.lines.some(({ message }) => /did not get through/.test(message)));
    await operator.query('commit');
    expect(await endOf(bench.store, locked)).toMatchObject({ state: 'FAILED', errorMessage: expect.stringContaining('broken') });
    expect((await bench.store.queueStatus(actor)).processing).toBe(0);
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
