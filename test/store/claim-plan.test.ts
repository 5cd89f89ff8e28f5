import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimAssessments } from '../../src/store/claim-assessments.ts';
import type { Database } from '../../src/store/database.ts';
import { expireClaims } from '../../src/store/expire-claims.ts';
import { heartbeat } from '../../src/store/heartbeat.ts';
import { readyRetries } from '../../src/store/ready-retries.ts';
import { releaseAssessments } from '../../src/store/release-assessments.ts';
import { openPlanBench, type PlanBench } from '../support/plan-bench.ts';
import type { PlanNode } from '../support/plans.ts';
import { actor } from '../support/test-store.ts';

const tables = { finished: 50_000, pending: 5_000, processing: 5_000, scheduled: 500 };

let bench: PlanBench;
let db: Database;
let psql: pg.Client;
beforeAll(async () => {
  bench = await openPlanBench();
  ({ db, psql } = bench);
});
afterAll(() => bench.stop());

/** Rows as many rounds of work would have left them. */
async function fill(count: number, columns: Record<string, string>): Promise<void> {
  const all: Record<string, string> = {
    ...{ id: 'gen_random_uuid()', assessment_id: `gen_random_uuid()::text`, source: `'api'`, request_data: `'{}'`, request_hash: `''` },
    ...{ type: `(array['health', 'security', 'compliance'])[1 + n % 3]::assessment_type`, priority: '1 + n % 10' },
    ...{ created_at: `now() - n * interval '1 second'`, queue_rank: `now() + (n % 10 * 300 - n) * interval '1 second'` },
    ...columns,
  };
  await psql.query(`begin; set local session_replication_role = replica;
    insert into assessment_states (${Object.keys(all).join(', ')}) select ${Object.values(all).join(', ')} from generate_series(1, ${count}) n; commit`);
}
const fillFinished = () => fill(tables.finished, { state: `'completed'`, started_at: 'now()', completed_at: 'now()', progress: '100' });
const claimed = { state: `'processing'`, started_at: 'now()', claimed_by: `'w1'`, claim_token: 'gen_random_uuid()', claimed_at: 'now()' };
async function fillWork(): Promise<void> {
  await fill(tables.pending, { state: `'pending'` });
  await fill(tables.processing - 20, { ...claimed, claim_expires_at: `now() + interval '1 hour'`, timeout_ms: '7200000' });
  await fill(20, { ...claimed, claim_expires_at: `now() - interval '1 second'` });
  await fill(tables.scheduled - 20, { state: `'pending'`, ready: 'false', next_retry_at: `now() + interval '1 hour'` });
  await fill(20, { state: `'pending'`, ready: 'false', next_retry_at: `now() - interval '1 second'` });
}

/** The plan of what `call` sends, carried out a second time. */
const plan = (call: () => Promise<unknown>, kind: 'generic' | 'custom' = 'custom'): Promise<PlanNode[]> => bench.plansOf(call, kind);

/** That nothing is read but by these indexes, at most so many rows in all, and that no more than `sorted` of them are sorted at a time. */
function expectPlan(nodes: PlanNode[], indexes: string[], limits: { read: number; sorted: number }): void {
  const scans = nodes.filter(
    ({ relation, index, type }) => type !== 'ModifyTable' && (relation === 'assessment_states' || index !== undefined),
  );
  expect(nodes.filter(({ type }) => type === 'Seq Scan')).toEqual([]);
  const used = [...new Set(scans.flatMap(({ index }) => index?.replace('assessment_states_', '') ?? []))];
  expect(used.filter((index) => !indexes.includes(index))).toEqual([]);
  expect(used).toContain(indexes[0]);
  expect(scans.reduce((sum, { rows, removed }) => sum + rows + removed, 0)).toBeLessThanOrEqual(limits.read);
  for (const { type, rows } of nodes) if (/Sort/.test(type)) expect(rows).toBeLessThanOrEqual(limits.sorted);
}

const share = (count: number) => ({ workerId: 'w1', subject: 'tester', count, leaseMs: 30_000 });
const claim = (types: ('HEALTH' | 'SECURITY' | 'COMPLIANCE')[], ...counts: number[]) =>
  claimAssessments(db, { tenantId: 'default', types, shares: counts.map(share) });
const someTokens = async (): Promise<string[]> => {
  const { rows } = await psql.query(`select claim_token from assessment_states where state = 'processing' and claimed_by = 'w1' limit 10`);
  return [...rows.map((row) => row.claim_token), ...Array.from({ length: 10 }, () => randomUUID())];
};

const histories = {
  'with statistics of now': ['finished', 'work', 'analyze'],
  'with statistics of a time when there was no work': ['finished', 'analyze', 'work'],
} as const;

describe.each(Object.entries(histories))('on a table of 60,000 rows %s', (_, steps) => {
  beforeAll(async () => {
    await psql.query(`begin; set local session_replication_role = replica; delete from assessment_states; commit`);
    await psql.query('vacuum assessment_states');
    for (const step of steps) {
      if (step === 'finished') await fillFinished();
      else if (step === 'work') await fillWork();
      else await psql.query('analyze assessment_states');
    }
  });

  for (const kind of ['custom', 'generic'] as const) {
    test(`a claim of 10 of all types reads little more than it takes (${kind} plan)`, async () => {
      const nodes = await plan(() => claim(['HEALTH', 'SECURITY', 'COMPLIANCE'], 5, 5), kind);
      expectPlan(nodes, ['ready', 'pkey'], { read: 80, sorted: 30 });
    });

    test(`a claim of 500 of one type reads little more than it takes (${kind} plan)`, async () => {
      expectPlan(await plan(() => claim(['SECURITY'], 500), kind), ['ready', 'pkey'], { read: 4_000, sorted: 500 });
    });
  }

  test('heartbeats find their rows by their tokens', async () => {
    const claimTokens = await someTokens();
    const nodes = await plan(() => heartbeat(db, { workerId: 'w1', claimTokens, leaseMs: 1_000 }, actor));
    expectPlan(nodes, ['claims', 'claims_cancelled', 'pkey'], { read: 5 * claimTokens.length, sorted: claimTokens.length });
  });

  test('releases find their rows by their tokens', async () => {
    const claimTokens = await someTokens();
    const nodes = await plan(() => releaseAssessments(db, { workerId: 'nobody', claimTokens, reason: null }, actor));
    expectPlan(nodes, ['claims', 'pkey'], { read: 5 * claimTokens.length, sorted: claimTokens.length });
  });

  test('the loop for leases and timeouts reads what is being worked on, not what has ended', async () => {
    const nodes = await plan(() => expireClaims(db, 500, { baseMs: 1, capMs: 1 }));
    // It has to look at every claim, by whichever index: the end of a lease is in none.
    const indexes = ['pkey', 'claims', 'timeouts', 'tenant_id_state_created_at_id_idx'];
    expectPlan(nodes, indexes, { read: 10 * tables.processing, sorted: tables.processing });
  });

  test('the loop for due retries reads what is due', async () => {
    const nodes = await plan(() => readyRetries(db, 500));
    expectPlan(nodes, ['retries_of_tenants', 'pkey'], { read: 100, sorted: 20 });
  });
});
