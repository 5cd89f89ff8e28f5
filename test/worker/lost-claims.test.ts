import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../src/store/index.ts';
import { createWorker, type Work } from '../../src/worker/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { actor, startTestStore } from '../support/test-store.ts';
import { endOf, type OwnOptions, startWorkerBench, submitOne, untilStopped, type WorkerBench } from './support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(async () => {
  bench = await startWorkerBench();
});
afterEach(async () => {
  expect(await findAuditFlaws(await bench.database.connect())).toEqual([]);
  await bench.stop();
});

/** A worker that has begun one assessment, which goes on until the test lets it end or its signal fires. */
async function hold(options: Partial<OwnOptions> = {}, input = {}) {
  let work: Work | undefined;
  let end = (_: object): void => {};
  const worker = bench.work({
    ...{ concurrency: 1, prefetch: 0, graceMs: 100, abandonMs: 100 },
    ...options,
    handlers: {
      HEALTH: (given) => {
        work = given;
        return new Promise((resolve) => {
          end = (result) => resolve({ ...result });
        });
      },
    },
  });
  const assessmentId = await submitOne(bench.store, input);
  const { signal } = await eventually('the handler has begun', () => work);
  return { assessmentId, worker, signal, end: (result: object) => end(result) };
}

const expireClaim = async (assessmentId: string): Promise<void> => {
  const client = await bench.database.connect();
  await client.query("update assessment_states set claim_expires_at = now() - interval '1 second' where assessment_id = $1", [
    assessmentId,
  ]);
};

test('a lease that has run out and is claimed by another fires the signal; a late result is thrown away', async () => {
  const { assessmentId, worker, signal, end } = await hold({ leaseMs: 1_000, watchAfterMs: 60_000, abandonMs: 60_000 }, { maxRetries: 1 });
  await expireClaim(assessmentId);
  await bench.store.maintenance.expireClaims();
  await eventually('the retry is ready', async () => {
    await bench.store.maintenance.readyRetries();
    return (await bench.store.queueStatus(actor)).ready === 1;
  });
  const [taken] = await bench.store.claimAssessments({ workerId: 'another', types: ['HEALTH'] }, actor);
  expect(taken?.assessment.assessmentId).toBe(assessmentId);
  await eventually('the signal has fired', () => signal.aborted);
  expect(signal.reason).toMatchObject({ name: 'LeaseLostError' });
  end({ by: 'the first' });
  await eventually('the place is free', () => worker.stats.dropped === 1 && worker.stats.running === 0);
  expect(await bench.store.getState(assessmentId, actor)).toMatchObject({ state: 'PROCESSING', claimedBy: 'another' });
  await bench.store.completeAssessment({ assessmentId, claimToken: taken?.claimToken ?? '', result: { by: 'another' } }, actor);
});

test('a result that comes before the loss is noticed is refused by the service and thrown away', async () => {
  const { assessmentId, worker, end } = await hold({ watchAfterMs: 60_000 });
  await expireClaim(assessmentId);
  end({ by: 'the first' });
  await eventually('it is thrown away', () => worker.stats.dropped === 1);
  expect((await endOf(bench.store, assessmentId)).state).toBe('FAILED');
  expect(worker.stats).toMatchObject({ completed: 0, failed: 0, running: 0, reporting: 0 });
});

test('the heartbeat alone brings a cancellation', async () => {
  const { assessmentId, signal, end } = await hold({ leaseMs: 500, watchAfterMs: 60_000 });
  await bench.store.cancelAssessment({ assessmentId }, actor);
  await eventually('the signal has fired', () => signal.aborted);
  expect(signal.reason).toMatchObject({ name: 'CancelledError' });
  end({});
});

test('a handler that runs for a while is watched, and a cancellation reaches it at once', async () => {
  const { assessmentId, worker, signal, end } = await hold({ leaseMs: 3_600_000, watchAfterMs: 50 });
  await eventually('it is watched', () => bench.store.watching === 1);
  await bench.store.cancelAssessment({ assessmentId }, actor);
  await eventually('the signal has fired', () => signal.aborted);
  end({ too: 'late' });
  await eventually('its place is free', () => worker.stats.running === 0);
  expect(worker.stats).toMatchObject({ dropped: 1, completed: 0, abandoned: 0 });
  expect(bench.store.watching).toBe(0);
  expect((await bench.store.getState(assessmentId, actor)).state).toBe('CANCELLED');
});

test('short handlers are not watched, and a watch ends with its handler', async () => {
  const { assessmentId, end } = await hold({ watchAfterMs: 50 });
  await eventually('it is watched', () => bench.store.watching === 1);
  end({});
  await endOf(bench.store, assessmentId);
  await eventually('it is watched no more', () => bench.store.watching === 0);
});

test('a handler that ignores its signal loses its place, and the worker goes on', async () => {
  const { assessmentId, worker, end } = await hold({ watchAfterMs: 50 });
  await eventually('it is watched', () => bench.store.watching === 1);
  await bench.store.cancelAssessment({ assessmentId }, actor);
  await eventually('it is abandoned', () => worker.stats.abandoned === 1);
  const endFirst = end;
  const next = await submitOne(bench.store);
  await eventually('the next one runs', () => worker.stats.running === 1);
  endFirst({});
  expect((await endOf(bench.store, next)).state).toBe('COMPLETED');
});

test('an assessment that is cancelled before it is begun is never begun', async () => {
  const { worker, end } = await hold({ prefetch: 1, leaseMs: 400 });
  const waiting = await submitOne(bench.store);
  await eventually('it is claimed ahead', () => worker.stats.prefetched === 1);
  await bench.store.cancelAssessment({ assessmentId: waiting }, actor);
  await eventually('it is dropped', () => worker.stats.dropped === 1);
  expect(worker.stats).toMatchObject({ prefetched: 0, running: 1 });
  end({});
});

test('the timeout of an assessment fires the signal, and the attempt fails', async () => {
  const reasons: unknown[] = [];
  bench.work({
    watchAfterMs: 60_000,
    handlers: {
      HEALTH: async ({ signal }) => {
        await untilStopped(signal).catch((reason) => reasons.push(reason));
      },
    },
  });
  const assessmentId = await submitOne(bench.store, { timeoutMs: 300 });
  const { state, errorMessage } = await endOf(bench.store, assessmentId);
  expect(state).toBe('FAILED');
  expect(errorMessage).toMatch(/timed out|timeout|300/i);
  await eventually('the signal has fired', () => reasons.length === 1);
  expect(reasons[0]).toBeInstanceOf(Error);
});

test('without a heartbeat that gets through, work stops before the lease is over', async () => {
  const far = await startTestStore({ maintenanceMs: 60_000 });
  const proxy = await TcpProxy.before(far.database.url);
  const store = await openStore({ databaseUrl: proxy.through(far.database.url), log: far.log, maintenanceMs: 60_000 });
  let stoppedAt = 0;
  const worker = createWorker({
    ...{ store, actor, log: far.log, leaseMs: 4_000, graceMs: 100 },
    handlers: {
      HEALTH: async ({ signal }) => {
        await untilStopped(signal).catch(() => {
          stoppedAt = Date.now();
        });
      },
    },
  });
  worker.start();
  const assessmentId = await submitOne(far.store, { maxRetries: 1 });
  await eventually('it runs', () => worker.stats.running === 1);
  proxy.fallSilent();
  await eventually('the signal has fired', () => stoppedAt > 0);
  const client = await far.database.connect();
  const { rows } = await client.query<{ ends: Date }>('select claim_expires_at as ends from assessment_states where assessment_id = $1', [
    assessmentId,
  ]);
  expect(stoppedAt).toBeLessThan(rows[0]?.ends.getTime() ?? 0);
  await proxy.restore();
  await worker.stop();
  await store.stop();
  await proxy.stop();
  await far.stop();
});
