import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimAssessments } from '../../src/store/claim-assessments.ts';
import { expireClaims } from '../../src/store/expire-claims.ts';
import type { Actor } from '../../src/store/index.ts';
import { readyRetries } from '../../src/store/ready-retries.ts';
import { planOf, type SentStatement } from '../support/plans.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

const actorOf = (tenantId: string): Actor => ({ tenantId, subject: 'tester' });
const many = 100_000;

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  // The loops run when a test says so.
  setup = await startTestStore({ maintenanceMs: 3_600_000, reconcileMs: 3_600_000 });
  psql = await setup.database.connect();
});
afterAll(() => setup.stop());

/** Puts rows of a tenant there, the ones of `aardvark` before all others by id and by time. */
async function fill(tenantId: string, count: number, columns: Record<string, string>): Promise<void> {
  const all: Record<string, string> = {
    ...{ id: tenantId === 'aardvark' ? `('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid` : 'gen_random_uuid()' },
    ...{
      tenant_id: `'${tenantId}'`,
      assessment_id: 'n::text',
      type: `'health'`,
      source: `'api'`,
      request_data: `'{}'`,
      request_hash: `''`,
    },
    ...columns,
  };
  await psql.query(`begin; set local session_replication_role = replica;
    insert into assessment_states (${Object.keys(all).join(', ')}) select ${Object.values(all).join(', ')} from generate_series(1, ${count}) n; commit`);
}
const empty = () =>
  psql.query(
    'begin; set local session_replication_role = replica; delete from assessment_states; delete from assessment_state_audit; commit',
  );
async function fillBoth(columns: Record<string, string>): Promise<void> {
  await empty();
  await fill('aardvark', many, columns);
  await fill('zebra', 10, columns);
  await psql.query('vacuum analyze assessment_states');
}
const countOf = (assessments: readonly { tenantId: string }[], tenantId: string): number =>
  assessments.filter((assessment) => assessment.tenantId === tenantId).length;

const claimed = {
  ...{ state: `'processing'`, started_at: `now() - interval '1 hour'`, max_retries: '1' },
  ...{ claimed_by: `'w'`, claim_token: 'gen_random_uuid()', claimed_at: 'now()' },
};

test.each([
  ['leases', { ...claimed, claim_expires_at: `now() - interval '1 minute'` }],
  ['times', { ...claimed, claim_expires_at: `now() + interval '1 hour'`, timeout_ms: '1' }],
])('a hundred thousand %s that have run out do not delay ten of another tenant: these are in the first round', async (_, columns) => {
  await fillBoth(columns);
  const { assessments } = await expireClaims(setup.store.database, 500, { baseMs: 1, capMs: 1 });
  expect(countOf(assessments, 'zebra')).toBe(10);
  expect(countOf(assessments, 'aardvark')).toBe(490);
});

test('a hundred thousand retries that are due do not delay ten of another tenant: these are in the first round', async () => {
  await fillBoth({ state: `'pending'`, ready: 'false', next_retry_at: `now() - n * interval '1 millisecond'` });
  const { work } = await readyRetries(setup.store.database, 500);
  expect(work.map(({ tenantId, count }) => [tenantId, count]).sort()).toEqual([
    ['aardvark', 490],
    ['zebra', 10],
  ]);
});

test('retries come in the order of their times, and the loop knows when the next is due, whoever’s it is', async () => {
  await empty();
  await fill('a', 5, { state: `'pending'`, ready: 'false', next_retry_at: `now() - n * interval '1 minute'` });
  await fill('b', 1, { state: `'pending'`, ready: 'false', next_retry_at: `now() + interval '1 hour'` });
  await fill('c', 1, { state: `'pending'`, ready: 'false', next_retry_at: `now() + interval '1 minute'` });
  expect(await readyRetries(setup.store.database, 2)).toMatchObject({ work: [{ tenantId: 'a', count: 2 }] });
  const { rows } = await psql.query('select assessment_id from assessment_states where ready order by 1');
  expect(rows.map(({ assessment_id }) => assessment_id)).toEqual(['4', '5']);
  const { nextInMs } = await readyRetries(setup.store.database, 500);
  expect(nextInMs).toBeGreaterThan(0);
  expect(nextInMs).toBeLessThanOrEqual(60_000);
});

test('many tenants at once: each has its share of a round', async () => {
  await empty();
  for (let index = 0; index < 20; index++)
    await fill(`tenant ${index}`, 100, { ...claimed, claim_expires_at: `now() - interval '1 minute'` });
  const { assessments } = await expireClaims(setup.store.database, 200, { baseMs: 0, capMs: 0 });
  for (let index = 0; index < 20; index++) expect(countOf(assessments, `tenant ${index}`)).toBe(10);
  const { work } = await readyRetries(setup.store.database, 60);
  expect(work.map(({ count }) => count)).toEqual(Array(20).fill(3));
});

test('a claim reads what it takes, whatever another tenant has pending', async () => {
  await fillBoth({ state: `'pending'`, queue_rank: `now() - n * interval '1 second'` });
  const db = setup.store.database;
  let sent: SentStatement | undefined;
  db.$on('query' as never, ({ query, params }: { query: string; params: string }) => {
    if (query.startsWith('/* claimAssessments */')) sent = { sql: query, values: JSON.parse(params) as unknown[] };
  });
  const shares = [{ workerId: 'w', subject: 'tester', count: 10, leaseMs: 1_000 }];
  const zebras = await db.$transaction(async (transaction) => {
    const { claims } = await claimAssessments(transaction as typeof db, { tenantId: 'zebra', types: ['HEALTH'], shares });
    return claims.flat().map(({ assessment }) => assessment.tenantId);
  });
  expect(zebras).toEqual(Array(10).fill('zebra'));
  await psql.query(`begin; set local session_replication_role = replica;
    update assessment_states set state = 'pending', claimed_by = null, claim_token = null, claimed_at = null, claim_expires_at = null, claim_seen_at = null
    where tenant_id = 'zebra'; delete from assessment_state_audit; commit`);
  const nodes = await planOf(psql, sent ?? expect.fail('nothing was sent'), 'custom');
  const read = nodes.flatMap(({ relation, type, rows, removed }) =>
    relation === 'assessment_states' && type !== 'ModifyTable' ? [rows + removed] : [],
  );
  expect(read.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(60);
});

test('workers of one tenant that never have enough do not keep those of another waiting: each claim of these is one statement', async () => {
  await fillBoth({ state: `'pending'`, queue_rank: `now() - n * interval '1 second'` });
  const { store, statements } = setup;
  statements.length = 0;
  let greedy = true;
  const work = async (workerId: string): Promise<number> => {
    let taken = 0;
    while (greedy) taken += (await store.claimAssessments({ workerId, limit: 1 }, actorOf('aardvark'))).length;
    return taken;
  };
  const greed = Promise.all(Array.from({ length: 50 }, (_, index) => work(`greedy ${index}`)));
  const claims: number[] = [];
  const between: number[] = [];
  for (let index = 0; index < 10; index++) {
    const before = statements.length;
    claims.push((await store.claimAssessments({ workerId: 'modest', limit: 1 }, actorOf('zebra'))).length);
    between.push(statements.length - before);
  }
  greedy = false;
  expect((await greed).reduce((sum, taken) => sum + taken, 0)).toBeGreaterThan(0);
  expect(claims).toEqual(Array(10).fill(1));
  // Its own, and those of the other tenant that were under way or came while it was; a claim of all that wait is one.
  expect(Math.max(...between)).toBeLessThanOrEqual(6);
});

test('a flood of creations by one tenant makes another wait for the statements under way alone', async () => {
  const { store, statements } = setup;
  const bulk = Array.from({ length: 10_000 }, () => ({ assessmentId: randomUUID(), type: 'HEALTH' as const }));
  statements.length = 0;
  const flood = Promise.all(
    [0, 1, 2, 3].map((tens) =>
      store.batchCreateAssessments({ assessments: bulk.slice(tens * 2_500, (tens + 1) * 2_500) }, actorOf('flood')),
    ),
  );
  while (statements.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const before = statements.length;
  await Promise.all(
    Array.from({ length: 10 }, (_, index) => store.createAssessment({ assessmentId: `${index}`, type: 'HEALTH' }, actorOf('drop'))),
  );
  const waitedFor = statements.slice(before).filter((sql) => sql.startsWith('/* createAssessments */')).length;
  const left = 10_000 - (await store.countAssessments({}, actorOf('flood')));
  await flood;
  expect(waitedFor).toBeLessThanOrEqual(6);
  expect(left).toBeGreaterThan(5_000);
});

test('atomic batches of one tenant that stand in line let another’s go before them', async () => {
  const { store } = setup;
  const order: string[] = [];
  const batch = async (tenantId: string) => {
    const assessments = Array.from({ length: 100 }, () => ({ assessmentId: randomUUID(), type: 'HEALTH' as const }));
    await store.batchCreateAssessments({ assessments, atomic: true }, actorOf(tenantId));
    order.push(tenantId);
  };
  await Promise.all([...Array.from({ length: 20 }, () => batch('flood')), batch('drop')]);
  expect(order).toHaveLength(21);
  expect(order.indexOf('drop')).toBeLessThanOrEqual(5);
});
