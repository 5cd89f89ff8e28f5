import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AssessmentStore } from '../../src/store/index.ts';
import { createWorker } from '../../src/worker/worker.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let store: AssessmentStore;
let psql: pg.Client;
const children: ChildProcess[] = [];
beforeEach(async () => {
  setup = await startTestStore({ retryBaseMs: 100 });
  store = setup.store;
  psql = await setup.database.connect();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  expect(await findAuditFlaws(psql)).toEqual([]);
  await setup.stop();
});

function startProcess(mode: 'hold' | 'drain', count: number, leaseMs: number): ChildProcess {
  const script = join(import.meta.dirname, '../support/worker-process.mjs');
  const child = fork(script, [setup.database.url, mode, String(count), String(leaseMs)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  return child;
}
const message = async <Message>(child: ChildProcess): Promise<Message> => (await once(child, 'message'))[0] as Message;

async function create(count: number, maxRetries: number): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    const assessments = Array.from({ length: Math.min(1_000, count - from) }, (_, index) => ({
      ...{ assessmentId: `work-${from + index}`, type: 'HEALTH' as const, maxRetries },
    }));
    await store.batchCreateAssessments({ assessments }, actor);
  }
}

const ended = async (): Promise<number> =>
  (await psql.query(`select count(*)::int as count from assessment_states where state in ('completed', 'failed', 'cancelled')`)).rows[0]
    .count;

const leaseMs = 3_000;

test('a worker that holds 100 claims is killed: others do them all within a lease and two seconds', { timeout: 60_000 }, async () => {
  await create(100, 1);
  const victim = startProcess('hold', 100, leaseMs);
  expect(await message<string[]>(victim)).toHaveLength(100);
  const worker = createWorker({ store, actor, handlers: { HEALTH: () => ({ by: 'the other' }) }, concurrency: 20 });
  worker.start();
  victim.kill('SIGKILL');
  const killedAt = performance.now();
  await eventually('all are done', async () => (await ended()) === 100, 30_000);
  const recoveredMs = performance.now() - killedAt;
  await worker.stop();
  console.log(`recovered after ${Math.round(recoveredMs)} ms with a lease of ${leaseMs} ms`);
  expect(recoveredMs).toBeLessThan(leaseMs + 2_000);
  const { rows } = await psql.query(`select distinct state::text, result_data->>'by' as by, retry_count from assessment_states`);
  expect(rows).toEqual([{ state: 'completed', by: 'the other', retry_count: 1 }]);
});

test('a worker that was stopped for longer than its lease and wakes up is refused everything', { timeout: 60_000 }, async () => {
  await create(100, 1);
  const corpse = startProcess('hold', 100, 1_000);
  await message(corpse);
  corpse.kill('SIGSTOP');
  const worker = createWorker({ store, actor, handlers: { HEALTH: () => ({ by: 'the other' }) }, concurrency: 20 });
  worker.start();
  await eventually('all are done', async () => (await ended()) === 100, 30_000);
  await worker.stop();
  const outcomes = message<string[]>(corpse);
  corpse.kill('SIGCONT');
  corpse.send('report');
  expect(new Set(await outcomes)).toEqual(new Set(['CLAIM_LOST']));
  const { rows } = await psql.query(`select distinct result_data->>'by' as by from assessment_states`);
  expect(rows).toEqual([{ by: 'the other' }]);
});

test('20 workers in 4 processes drain a backlog: every one is executed exactly once', { timeout: 120_000 }, async () => {
  const backlog = 2_000;
  await create(backlog, 0);
  const workers = Array.from({ length: 4 }, () => startProcess('drain', 5, 30_000));
  await Promise.all(workers.map((worker) => message(worker)));
  await eventually('the backlog is drained', async () => (await ended()) === backlog, 90_000);
  const stats = await Promise.all(
    workers.map((worker) => {
      const answer = message<{ completed: number }>(worker);
      worker.send('end');
      return answer;
    }),
  );
  expect(stats.reduce((sum, { completed }) => sum + completed, 0)).toBe(backlog);
  const { rows } = await psql.query(`
    select count(*)::int as count from (
      select from assessment_state_audit group by assessment_id
      having array_agg(new_state::text order by version_to) = array['pending', 'processing', 'completed'] and count(distinct claimed_by) = 1
    ) once`);
  expect(rows).toEqual([{ count: backlog }]);
  const own = await psql.query(`
    select count(*)::int as count from assessment_states s join assessment_state_audit a using (assessment_id)
    where a.new_state = 'processing' and s.result_data->>'by' = a.claimed_by`);
  expect(own.rows).toEqual([{ count: backlog }]);
});

test('PostgreSQL breaks every connection off, again and again, while workers drain: nothing is lost, nothing done twice', {
  timeout: 120_000,
}, async () => {
  const backlog = 2_000;
  await create(backlog, 3);
  const workers = Array.from({ length: 2 }, () => startProcess('drain', 5, 2_000));
  await Promise.all(workers.map((worker) => message(worker)));
  for (let round = 1; round <= 5; round++) {
    await eventually('some more are done', async () => (await ended()) >= Math.min(backlog, round * 200), 30_000);
    await psql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
  }
  await eventually('the backlog is drained', async () => (await ended()) === backlog, 90_000);
  const { rows } = await psql.query(`select state::text, count(*)::int as count from assessment_states group by state`);
  expect(rows).toEqual([{ state: 'completed', count: backlog }]);
  // Every execution beyond the first is explained by a lease that ran out before it.
  const unexplained = await psql.query(`
    select assessment_id from assessment_state_audit group by assessment_id
    having count(*) filter (where new_state = 'processing')
      <> 1 + count(*) filter (where old_state = 'processing' and new_state = 'pending')
    or count(*) filter (where new_state = 'completed') <> 1`);
  expect(unexplained.rows).toEqual([]);
});
