import { expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { startWorkerBench, submit } from './support/worker-bench.ts';

test('all connections to the database are ended again and again in the middle: every assessment completes, once', async () => {
  const bench = await startWorkerBench();
  const ids = await submit(bench.store, 300, { maxRetries: 20 });
  const worker = bench.work({
    concurrency: 4,
    leaseMs: 1_500,
    handlers: {
      HEALTH: async ({ assessment, progress }) => {
        progress(10);
        await new Promise((resolve) => setTimeout(resolve, 10));
        return { of: assessment.assessmentId };
      },
    },
  });
  const operator = await bench.database.connect();
  for (const done of [20, 80, 150]) {
    await eventually(`${done} are completed`, () => worker.stats.completed >= done, 20_000);
    await operator.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
  }
  const statesOf = async () => {
    const sql = 'select state::text, count(*)::int from assessment_states where assessment_id = any($1) group by 1';
    return (await operator.query<{ state: string; count: number }>(sql, [ids])).rows;
  };
  await eventually(
    'all have ended',
    async () => (await statesOf()).every(({ state }) => state === 'completed' || state === 'failed'),
    40_000,
  );
  expect(await statesOf()).toEqual([{ state: 'completed', count: 300 }]);
  expect(await findAuditFlaws(operator)).toEqual([]);
  await bench.stop();
});
