import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Work } from '../../src/worker/index.ts';
import { eventually } from '../support/eventually.ts';
import { actor } from '../support/test-store.ts';
import { startWorkerBench, submit, submitOne, untilStopped, type WorkerBench } from './support/worker-bench.ts';

let bench: WorkerBench;
beforeAll(async () => {
  bench = await startWorkerBench();
});
afterEach(() => bench.rest());
afterAll(() => bench.stop());

const statesOf = async (ids: readonly string[]) =>
  (await Promise.all(ids.map((id) => bench.store.getState(id, actor)))).map(({ state }) => state);

test('what is not begun goes back at once, what runs may finish, and no retry is counted', async () => {
  const ids = await submit(bench.store, 5);
  const ends: (() => void)[] = [];
  const worker = bench.work({
    concurrency: 2,
    prefetch: 3,
    graceMs: 30_000,
    handlers: { HEALTH: () => new Promise((resolve) => ends.push(() => resolve({ finished: true }))) },
  });
  await eventually('two run and three wait', () => worker.stats.running === 2 && worker.stats.prefetched === 3);
  const stopped = worker.stop();
  expect(worker.stop()).toBe(stopped);
  await eventually('three are given back', () => worker.stats.released === 3);
  expect((await statesOf(ids)).toSorted()).toEqual(['PENDING', 'PENDING', 'PENDING', 'PROCESSING', 'PROCESSING']);
  for (const end of ends) end();
  await stopped;
  expect(worker.stats).toMatchObject({ claimed: 5, completed: 2, released: 3, running: 0, prefetched: 0, reporting: 0 });
  const pending = (await Promise.all(ids.map((id) => bench.store.getState(id, actor)))).filter(({ state }) => state === 'PENDING');
  expect(pending.map(({ retryCount, claimedBy }) => ({ retryCount, claimedBy }))).toEqual(
    Array(3).fill({ retryCount: 0, claimedBy: null }),
  );
  const entries = await bench.auditOf(pending[0]?.assessmentId ?? '');
  expect(entries.map(({ oldState, newState, changeReason }) => [oldState, newState, changeReason])).toEqual([
    [null, 'PENDING', null],
    ['PENDING', 'PROCESSING', null],
    ['PROCESSING', 'PENDING', 'the worker stops'],
  ]);
  for (const { assessmentId } of pending) await bench.store.cancelAssessment({ assessmentId }, actor);
});

test('handlers that are not done in time are told to stop, and their assessments go back; the lease is renewed meanwhile', async () => {
  const [one = '', two = ''] = await submit(bench.store, 2);
  const reasons: string[] = [];
  const begun: string[] = [];
  const worker = bench.work({
    graceMs: 1_500,
    leaseMs: 600,
    handlers: {
      HEALTH: async ({ assessment, signal }) => {
        begun.push(assessment.assessmentId);
        await untilStopped(signal).catch((reason: Error) => reasons.push(reason.name));
        return { late: true };
      },
    },
  });
  await eventually('both run', () => worker.stats.running === 2);
  await worker.stop();
  expect(reasons).toEqual(['ShutdownError', 'ShutdownError']);
  expect(worker.stats).toMatchObject({ claimed: 2, released: 2, completed: 0, dropped: 0, abandoned: 0 });
  expect(await statesOf([one, two])).toEqual(['PENDING', 'PENDING']);
  expect(begun).toHaveLength(2);
  for (const assessmentId of [one, two]) await bench.store.cancelAssessment({ assessmentId }, actor);
});

test('a handler that hangs does not keep the worker from stopping', async () => {
  const id = await submitOne(bench.store);
  const worker = bench.work({ graceMs: 50, abandonMs: 100, handlers: { HEALTH: () => new Promise<never>(() => {}) } });
  await eventually('it runs', () => worker.stats.running === 1);
  await worker.stop();
  expect(worker.stats).toMatchObject({ abandoned: 1, released: 1, running: 0 });
  expect(await statesOf([id])).toEqual(['PENDING']);
  await bench.store.cancelAssessment({ assessmentId: id }, actor);
});

test('an idle worker stops at once, one that was never started too, and neither starts again', async () => {
  const idle = bench.work({ waitMs: 60_000, graceMs: 60_000, handlers: { HEALTH: () => ({}) } });
  await eventually('it waits for work', () => bench.store.workersWaiting === 1);
  await idle.stop();
  expect(bench.store.workersWaiting).toBe(0);
  idle.start();
  const id = await submitOne(bench.store);
  expect(await statesOf([id])).toEqual(['PENDING']);
  const other = bench.work({ handlers: { HEALTH: () => ({ by: 'the other' }) } });
  await eventually('another one does it', async () => (await statesOf([id]))[0] === 'COMPLETED');
  await other.stop();
  expect(idle.stats.claimed).toBe(0);
});

test('results that are ready when it is stopped are reported', async () => {
  const ids = await submit(bench.store, 200);
  const worker = bench.work({ concurrency: 200, prefetch: 0, handlers: { HEALTH: async (_: Work) => ({}) } });
  await eventually('some are claimed', () => worker.stats.claimed > 0);
  await worker.stop();
  const { claimed, completed, released } = worker.stats;
  expect(completed + released).toBe(claimed);
  const states = await statesOf(ids);
  expect(states.filter((state) => state === 'COMPLETED')).toHaveLength(completed);
  expect(states).not.toContain('PROCESSING');
});
