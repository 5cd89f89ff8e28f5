import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { untilStopped } from '../worker/support/worker-bench.ts';
import { type ApiBench, startApiBench } from './api-bench.ts';

let bench: ApiBench;
beforeAll(async () => {
  bench = await startApiBench();
});
afterEach(async () => {
  await bench.rest();
  expect(await findAuditFlaws(await bench.database.connect())).toEqual([]);
});
afterAll(() => bench.stop());

test('a worker that knows only the API does each of 300 assessments once', async () => {
  const ids = await bench.submit(300);
  const begun: string[] = [];
  const worker = bench.work({
    concurrency: 20,
    handlers: {
      HEALTH: async ({ assessment, progress }) => {
        begun.push(assessment.assessmentId);
        progress(50, 'half');
        return { of: assessment.assessmentId };
      },
    },
  });
  await eventually('all are completed', () => worker.stats.completed === 300, 30_000);
  expect(begun.toSorted()).toEqual(ids.toSorted());
  const last = ids.at(-1) ?? '';
  expect((await bench.client.getState(last)).resultData).toEqual({ of: last });
});

test('a cancellation reaches a handler that runs, within two seconds', async () => {
  let firedAt = 0;
  const [assessmentId = ''] = await bench.submit(1);
  const worker = bench.work({
    leaseMs: 3_600_000,
    handlers: {
      HEALTH: async ({ signal }) => {
        await untilStopped(signal).catch((reason: Error) => {
          expect(reason.name).toBe('CancelledError');
          firedAt = performance.now();
        });
      },
    },
  });
  await eventually('the handler is watched', () => worker.stats.running === 1 && bench.app().app.store.watching === 1);
  const cancelledAt = performance.now();
  await bench.app().send('mutation ($id: String!) { cancelAssessment(input: { assessmentId: $id }) { __typename } }', { id: assessmentId });
  await eventually('the signal has fired', () => firedAt > 0);
  expect(firedAt - cancelledAt).toBeLessThan(2_000);
  await eventually('it is thrown away', () => worker.stats.dropped === 1);
  await eventually('it is watched no more', () => bench.app().app.store.watching === 0);
});

test('stop() breaks off the long poll, and gives back what is not begun', async () => {
  const ids = await bench.submit(3);
  let end = (): void => {};
  const worker = bench.work({
    concurrency: 1,
    prefetch: 2,
    handlers: {
      HEALTH: () =>
        new Promise((resolve) => {
          end = () => resolve({});
        }),
    },
  });
  await eventually('one runs and two wait', () => worker.stats.prefetched === 2);
  const stopped = worker.stop();
  await eventually('two are given back', () => worker.stats.released === 2);
  end();
  await stopped;
  const states = await Promise.all(ids.map(async (id) => (await bench.client.getState(id)).state));
  expect(states.toSorted()).toEqual(['COMPLETED', 'PENDING', 'PENDING']);
  const other = bench.work({ handlers: { HEALTH: () => ({}) } });
  await eventually('the others are done', () => other.stats.completed === 2);
});

test('the service is stopped and started in the middle: the worker carries on, and nothing is lost', async () => {
  const ids = await bench.submit(400, { maxRetries: 5 });
  const worker = bench.work({
    concurrency: 4,
    prefetch: 4,
    leaseMs: 3_000,
    handlers: {
      HEALTH: async ({ assessment }) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { of: assessment.assessmentId };
      },
    },
  });
  await eventually('it has begun', () => worker.stats.completed > 20);
  await bench.stopService();
  await eventually('it has noticed', () => bench.log.lines.some(({ message }) => /could be claimed|get through/.test(message)));
  await bench.startService();
  await eventually(
    'all are completed',
    async () => {
      const client = await bench.database.connect();
      const { rows } = await client.query(
        "select count(*)::int as count from assessment_states where state = 'completed' and assessment_id = any($1)",
        [ids],
      );
      await client.end();
      return rows[0]?.count === 400;
    },
    40_000,
  );
});
