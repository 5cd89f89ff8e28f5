import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { actor } from '../support/test-store.ts';
import { endOf, startWorkerBench, submit, submitOne, type WorkerBench } from './support/worker-bench.ts';

let bench: WorkerBench;
beforeAll(async () => {
  bench = await startWorkerBench();
});
afterEach(() => bench.rest());
afterAll(() => bench.stop());

test('four workers do a thousand assessments, each exactly once', async () => {
  const { store } = bench;
  const ids = await submit(store, 1_000);
  const begun: string[] = [];
  const workers = Array.from({ length: 4 }, () =>
    bench.work({
      concurrency: 20,
      handlers: {
        HEALTH: async ({ assessment }) => {
          begun.push(assessment.assessmentId);
          return { echo: assessment.assessmentId };
        },
      },
    }),
  );
  await eventually('all are completed', () => workers.reduce((sum, { stats }) => sum + stats.completed, 0) === 1_000, 30_000);
  await Promise.all(workers.map((worker) => worker.stop()));
  expect(begun.toSorted()).toEqual(ids.toSorted());
  const client = await bench.database.connect();
  const { rows } = await client.query(
    "select count(*)::int as count from assessment_states where state = 'completed' and result_data = jsonb_build_object('echo', assessment_id) and version = 3",
  );
  expect(rows).toEqual([{ count: 1_000 }]);
  expect(await findAuditFlaws(client)).toEqual([]);
  expect(
    workers.map(
      ({ stats: { dropped, failed, released, running, prefetched, reporting } }) =>
        dropped + failed + released + running + prefetched + reporting,
    ),
  ).toEqual([0, 0, 0, 0]);
});

test('handlers that give their result without a promise, or give none, complete too', async () => {
  const ids = await submit(bench.store, 300, { type: 'SECURITY' });
  const nothing = await submitOne(bench.store, { type: 'COMPLIANCE' });
  const worker = bench.work({ handlers: { SECURITY: () => ({ ok: true }), COMPLIANCE: () => {} } });
  await eventually('all are completed', () => worker.stats.completed === 301);
  expect((await bench.store.getState(ids[299] ?? '', actor)).resultData).toEqual({ ok: true });
  expect((await endOf(bench.store, nothing)).resultData).toEqual({});
});

test('a worker takes only the types that it has handlers for, never more at a time than its concurrency', async () => {
  const others = await submit(bench.store, 5, { type: 'COMPLIANCE' });
  await submit(bench.store, 40);
  let now = 0;
  let most = 0;
  const worker = bench.work({
    concurrency: 3,
    handlers: {
      HEALTH: async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
      },
    },
  });
  await eventually('all are completed', () => worker.stats.completed === 40);
  await worker.stop();
  expect(most).toBe(3);
  expect(new Set(await Promise.all(others.map(async (id) => (await bench.store.getState(id, actor)).state)))).toEqual(new Set(['PENDING']));
});

test('where handlers are short, ever more is claimed with one call', async () => {
  await submit(bench.store, 3_000);
  bench.statements.length = 0;
  const worker = bench.work({ concurrency: 10, handlers: { HEALTH: () => ({}) } });
  await eventually('all are completed', () => worker.stats.completed === 3_000, 30_000);
  // With twenty in each it would be 150.
  expect(bench.statements.filter((sql) => sql.startsWith('/* claimAssessments */')).length).toBeLessThan(75);
});

test('where handlers are long, little is claimed ahead', async () => {
  const ids = await submit(bench.store, 60);
  const ends: (() => void)[] = [];
  const worker = bench.work({ concurrency: 4, handlers: { HEALTH: () => new Promise((resolve) => ends.push(() => resolve({}))) } });
  let most = 0;
  while (worker.stats.completed < 20) {
    // Long enough for what is claimed ahead to have come.
    await eventually('four run and others wait', () => worker.stats.running === 4 && worker.stats.prefetched >= 2);
    most = Math.max(most, worker.stats.prefetched);
    for (const end of ends.splice(0, 2)) end();
    await eventually('two of them are reported', () => worker.stats.completed % 2 === 0 && worker.stats.reporting === 0);
  }
  const stopped = worker.stop();
  for (const end of ends) end();
  await stopped;
  expect(most).toBeLessThanOrEqual(8);
  for (const assessmentId of ids) await bench.store.cancelAssessment({ assessmentId }, actor).catch(() => {});
});
