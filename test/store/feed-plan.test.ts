import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { enterLog, type LogEpoch } from '../../src/store/log-epoch.ts';
import { beginningOf, type LogPlace, stepFrom } from '../../src/store/log-place.ts';
import { type LogPoint, maxRunning } from '../../src/store/log-point.ts';
import { readFresh, readStep } from '../../src/store/read-log.ts';
import { openPlanBench, type PlanBench } from '../support/plan-bench.ts';
import type { PlanNode } from '../support/plans.ts';

const assessments = 25_000;
/** Four changes of each, and so many in a transaction. */
const inATransaction = 400;
const rows = 4 * assessments;
const transactions = rows / inATransaction;

let bench: PlanBench;
let db: Database;
let psql: pg.Client;
beforeAll(async () => {
  bench = await openPlanBench();
  ({ db, psql } = bench);
});
afterAll(() => bench.stop());

/** A log as months would have left it; every thousandth assessment is one of a small tenant. The newest transaction is the latest there was. */
async function fill(): Promise<bigint> {
  const { rows: latest } = await psql.query<{ txid: string }>('select pg_current_xact_id()::text as txid');
  const newest = BigInt(latest[0]?.txid ?? 0);
  const tenant = `case when n % 1000 = 0 then 'small' else 'default' end`;
  await psql.query(`begin; set local session_replication_role = replica;
    insert into assessment_states (id, tenant_id, assessment_id, type, source, request_data, request_hash, state, version, started_at, completed_at)
      select gen_random_uuid(), ${tenant}, 'a-' || n, 'health', 'api', '{}', '', 'completed', 4, now(), now() from generate_series(1, ${assessments}) n;
    insert into assessment_state_audit (txid, tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, progress, retry_count, priority, max_retries)
      select (${newest} - (${assessments} - n) * 4 / ${inATransaction})::text::xid8, ${tenant}, 'a-' || n,
        (array[null, 'pending', 'processing', 'processing'])[v]::assessment_state, (array['pending', 'processing', 'processing', 'completed'])[v]::assessment_state,
        nullif(v - 1, 0), v, 'fill', 0, 0, 5, 0 from generate_series(1, ${assessments}) n, generate_series(1, 4) v order by n, v;
    commit`);
  return newest;
}

/** What a call sends, carried out a second time. */
const plansOf = (call: () => Promise<unknown>, kind: 'generic' | 'custom'): Promise<PlanNode[]> => bench.plansOf(call, kind);

/** That the tables are read by indexes alone, and no more than so many of their rows. */
function expectReads(nodes: readonly PlanNode[], most: number): void {
  const scans = nodes.filter(({ relation }) => relation !== undefined && /^assessment_state/.test(relation));
  expect(scans.filter(({ type, rows, removed }) => !/Index|Bitmap/.test(type) && rows + removed > 0)).toEqual([]);
  expect(scans.length).toBeGreaterThan(0);
  expect(scans.reduce((sum, { rows, removed }) => sum + rows + removed, 0)).toBeLessThanOrEqual(most);
}

const histories = { 'with statistics of now': ['fill', 'analyze'], 'with statistics of an empty table': ['analyze', 'fill'] } as const;

describe.each(Object.entries(histories))(`on a log of ${rows} rows %s`, (_, steps) => {
  let epoch: LogEpoch;
  let now: LogPoint;
  let oldest: bigint;
  beforeAll(async () => {
    await psql.query(
      `begin; set local session_replication_role = replica; delete from assessment_states; delete from assessment_state_audit; commit`,
    );
    await psql.query('vacuum assessment_states, assessment_state_audit');
    for (const step of steps) {
      if (step === 'fill') now = { xmax: (await fill()) + 1n, running: [] };
      else await psql.query('analyze assessment_states, assessment_state_audit');
    }
    oldest = now.xmax - 1n - BigInt(transactions);
    epoch = { ...(await enterLog(db)).epoch, firstSeq: 0n };
  });
  const back = (many: number, running: bigint[] = []): LogPoint => ({ xmax: now.xmax - BigInt(many), running });
  const since = (point: LogPoint): LogPlace => stepFrom(epoch.epoch, point, now);
  const step = (place: LogPlace, tenant: string | undefined, most = 200, isLarge = false) =>
    readStep(db, epoch, place, tenant, most, isLarge);

  // The statement is kept prepared: PostgreSQL may come to plan it for whatever values.
  describe.each(['custom', 'generic'] as const)('the end of the log (%s plan)', (kind) => {
    test('costs next to nothing where nothing has happened, also with many transactions that run', async () => {
      expectReads(await plansOf(() => readFresh(db, epoch, now, 1_000), kind), 1);
      const running = Array.from({ length: maxRunning }, (_, index) => oldest - BigInt(maxRunning - index)).filter((txid) => txid > 2n);
      expect(running.length).toBeGreaterThan(100);
      expectReads(await plansOf(() => readFresh(db, epoch, { ...now, running }, 1_000), kind), 1);
    });

    test('costs what is new', async () => {
      const nodes = await plansOf(() => readFresh(db, epoch, back(3), 1_000), kind);
      expectReads(nodes, 7 * 3 * inATransaction);
    });
  });

  test('a small step is read by its transactions, whoever they belong to', async () => {
    expectReads(await plansOf(() => step(since(back(3)), 'default'), 'custom'), 5 * 3 * inATransaction);
    expectReads(await plansOf(() => step(since(back(3)), 'small'), 'custom'), 3 * inATransaction + 20);
  });

  test('what an old transaction has left to the end is found without a look at what lies between', async () => {
    const early = now.xmax - BigInt(transactions / 2);
    expectReads(await plansOf(() => step(since(back(1, [early])), 'default'), 'custom'), 5 * 2 * inATransaction);
  });

  test('a large step is read page by page, each of a bounded part of the log', async () => {
    const far = back(transactions / 2);
    expectReads(await plansOf(() => step(since(far), 'default'), 'custom'), rows / 2 + 2_000 + 1_500); // the first looks where the step begins
    const place = { ...since(far), seq: (await step(since(far), 'default')).seq };
    expectReads(await plansOf(() => step(place, 'default', 200, true), 'custom'), 1_500);
    expectReads(await plansOf(() => step(place, undefined, 1_000, true), 'custom'), 5_000);
    expectReads(await plansOf(() => step(place, 'small', 200, true), 'custom'), 2 * 20_000 + 500);
    expectReads(await plansOf(() => step(beginningOf(epoch.epoch, now), 'default'), 'custom'), 1_500);
  });

  test('the way of a small tenant through the log of others is short', async () => {
    let place = since(back(transactions + 1));
    let [isLarge, pages, found] = [false, 0, 0];
    for (let complete = false; !complete; pages++) {
      const page = await step(place, 'small', 200, isLarge);
      ({ complete, isLarge } = page);
      found += page.entries.length;
      place = { ...place, seq: page.seq };
    }
    expect(found).toBe(rows / 1_000);
    expect(pages).toBeLessThanOrEqual(rows / 20_000 + 1);
  });
});
