import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { readQueueTotals } from '../../src/store/queue-totals.ts';
import { openPlanBench, type PlanBench } from '../support/plan-bench.ts';

const tenants = 200;
const finished = 60_000;
const open = 3_000;

let bench: PlanBench;
let db: Database;
let psql: pg.Client;
beforeAll(async () => {
  bench = await openPlanBench();
  ({ db, psql } = bench);
  const columns =
    'id, tenant_id, assessment_id, type, source, request_data, request_hash, created_at, updated_at, state, ready, started_at, completed_at, progress';
  const values = `gen_random_uuid(), 'tenant-' || n % ${tenants}, gen_random_uuid()::text, (array['health', 'security'])[1 + n % 2]::assessment_type, 'api', '{}', ''`;
  const past = `now() - n * interval '1 second', now() - n * interval '1 second'`;
  await psql.query(`begin; set local session_replication_role = replica;
    insert into assessment_states (${columns}) select ${values}, ${past}, 'completed', true, now(), now(), 100 from generate_series(1, ${finished}) n;
    insert into assessment_states (${columns}) select ${values}, ${past}, (array['pending', 'pending', 'processing'])[1 + n % 3]::assessment_state, n % 3 = 0 or n % 3 = 2, case n % 3 when 2 then now() end, null, 0
      from generate_series(1, ${open}) n; commit; analyze assessment_states`);
});
afterAll(() => bench.stop());

test('the queues of all tenants are counted by type', async () => {
  const { rows } = await psql.query(`select upper(type::text) as type, count(*) filter (where state = 'pending' and ready)::int as ready,
      count(*) filter (where state = 'pending' and not ready)::int as scheduled, count(*) filter (where state = 'processing')::int as processing,
      max(extract(epoch from now() - updated_at)) filter (where state = 'pending' and ready) as oldest
    from assessment_states where state in ('pending', 'processing') group by type order by type`);
  const totals = (await readQueueTotals(db)).toSorted((a, b) => a.type.localeCompare(b.type));
  expect(totals).toEqual(rows.map(({ oldest: _, ...counts }) => ({ ...counts, oldestReadySeconds: expect.any(Number) })));
  expect(totals.reduce((sum, { ready, scheduled, processing }) => sum + ready + scheduled + processing, 0)).toBe(open);
  for (const [index, { oldestReadySeconds }] of totals.entries()) {
    expect(oldestReadySeconds).toBeGreaterThanOrEqual(Number(rows[index].oldest));
    expect(oldestReadySeconds).toBeLessThan(Number(rows[index].oldest) + 60);
  }
});

test.each(['custom', 'generic'] as const)('what has ended is not read (%s plan)', async (kind) => {
  const nodes = await bench.plansOf(() => readQueueTotals(db), kind);
  const scans = nodes.filter(({ relation }) => relation === 'assessment_states');
  expect(scans.filter(({ type }) => type === 'Seq Scan')).toEqual([]);
  const read = scans.reduce((sum, { rows, removed }) => sum + rows + removed, 0);
  expect(read).toBeLessThanOrEqual(open + 3 * tenants);
});

test('without any assessment there is nothing', async () => {
  const empty = await openPlanBench();
  expect(await readQueueTotals(empty.db)).toEqual([]);
  await empty.stop();
});
