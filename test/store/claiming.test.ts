import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClaimAssessments, CreateAssessment } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore();
  psql = await setup.database.connect();
});
afterAll(async () => {
  expect(await findAuditFlaws(psql)).toEqual([]);
  await setup.stop();
});

const create = (assessmentId: string, rest: Partial<CreateAssessment> = {}) =>
  setup.store.createAssessment({ assessmentId, type: 'HEALTH', ...rest }, actor);
const claim = (input: Partial<ClaimAssessments> = {}, as = actor) => setup.store.claimAssessments({ workerId: 'w1', ...input }, as);
const keysOf = (claims: { assessment: { assessmentId: string } }[]) => claims.map(({ assessment }) => assessment.assessmentId);
/** Ends what is left over, so that a test begins with an empty queue. */
async function drain(): Promise<void> {
  for (;;) {
    const claims = await claim({ limit: 500 });
    if (claims.length === 0) return;
    for (const { assessment } of claims) await setup.store.cancelAssessment({ assessmentId: assessment.assessmentId }, actor);
  }
}

describe('a claim', () => {
  test('of an empty queue is empty, at once', async () => {
    expect(await claim()).toEqual([]);
  });

  test('gives the assessment with its request, a token of its own and a lease, and is audited', async () => {
    await create('whole', { metadata: { deep: [1] }, priority: 2 });
    const [claimed, ...more] = await claim({ leaseMs: 60_000 });
    expect(more).toEqual([]);
    expect(claimed?.assessment).toMatchObject({
      ...{ assessmentId: 'whole', state: 'PROCESSING', version: 2, claimedBy: 'w1', priority: 2 },
      requestData: { assessmentId: 'whole', type: 'HEALTH', metadata: { deep: [1] }, priority: 2 },
    });
    expect(claimed?.claimToken).toMatch(/^[0-9a-f]{8}-/);
    expect(Math.abs((claimed?.expiresAt.getTime() ?? 0) - (claimed?.assessment.claimedAt?.getTime() ?? 0) - 60_000)).toBeLessThan(50);
    expect(claimed?.assessment).not.toHaveProperty('claimToken');
    expect(claimed?.assessment).not.toHaveProperty('queueRank');
    const { items } = await setup.store.auditTrail('whole', {}, actor);
    expect(items.map(({ node }) => [node.newState, node.changedBy, node.claimedBy])).toEqual([
      ['PENDING', 'tester', null],
      ['PROCESSING', 'tester', 'w1'],
    ]);
    await setup.store.completeAssessment({ assessmentId: 'whole', result: {}, claimToken: claimed?.claimToken }, actor);
  });

  test('takes the most urgent first, and the oldest first within a priority', async () => {
    for (const [key, priority] of [
      ['a5', 5],
      ['b1', 1],
      ['c5', 5],
      ['d10', 10],
      ['e1', 1],
    ] as const)
      await create(key, { priority });
    expect(keysOf(await claim({ limit: 3 }))).toEqual(['b1', 'e1', 'a5']);
    expect(keysOf(await claim({ limit: 10 }))).toEqual(['c5', 'd10']);
  });

  test('of one priority less is overtaken by what has waited for a step longer', async () => {
    await create('urgent', { priority: 1 });
    await create('patient', { priority: 3 });
    await psql.query(`alter table assessment_states disable trigger user`);
    await psql.query(`update assessment_states set queue_rank = queue_rank - interval '601 seconds' where assessment_id = 'patient'`);
    await psql.query(`alter table assessment_states enable trigger user`);
    expect(keysOf(await claim({ limit: 2 }))).toEqual(['patient', 'urgent']);
  });

  test('follows a priority that an operator has changed', async () => {
    await create('first', { priority: 5 });
    await create('raised', { priority: 9 });
    await psql.query(`update assessment_states set priority = 1 where assessment_id = 'raised'`);
    expect(keysOf(await claim({ limit: 2 }))).toEqual(['raised', 'first']);
  });

  test('takes only the types that it names', async () => {
    await create('health', { priority: 1 });
    await create('security', { type: 'SECURITY' });
    await create('compliance', { type: 'COMPLIANCE' });
    expect(keysOf(await claim({ types: ['SECURITY'], limit: 5 }))).toEqual(['security']);
    expect(keysOf(await claim({ types: ['COMPLIANCE', 'HEALTH', 'HEALTH'], limit: 5 }))).toEqual(['health', 'compliance']);
  });

  test('sees nothing of another tenant', async () => {
    await create('mine');
    expect(await claim({ limit: 5 }, { tenantId: 'another', subject: 'worker' })).toEqual([]);
    expect(keysOf(await claim({ limit: 5 }))).toEqual(['mine']);
  });

  test('passes over what an operator holds locked', async () => {
    await create('locked', { priority: 1 });
    await create('free');
    await psql.query('begin');
    await psql.query(`select from assessment_states where assessment_id = 'locked' for update`);
    expect(keysOf(await claim({ limit: 5 }))).toEqual(['free']);
    await psql.query('rollback');
    expect(keysOf(await claim({ limit: 5 }))).toEqual(['locked']);
  });
});

describe('many claims at once', () => {
  test('share statements, and nothing is claimed twice', async () => {
    await drain();
    await Promise.all(Array.from({ length: 300 }, (_, index) => create(`many-${index}`)));
    setup.statements.length = 0;
    const all = await Promise.all(Array.from({ length: 100 }, (_, index) => claim({ workerId: `w${index}`, limit: 4 })));
    expect(new Set(all.flatMap(keysOf)).size).toBe(300);
    expect(all.flatMap(keysOf).length).toBe(300);
    expect(
      all
        .filter((claims) => claims.length > 0)
        .every((claims) => claims.every(({ assessment }, _, [first]) => assessment.claimedBy === first?.assessment.claimedBy)),
    ).toBe(true);
    expect(setup.statements.length).toBeLessThanOrEqual(4);
  });
});

describe('a claim that waits', () => {
  test('is answered the moment work arrives', async () => {
    await drain();
    const waiting = claim({ waitMs: 30_000 });
    await eventually('it waits', () => setup.store.workersWaiting === 1);
    const begun = performance.now();
    await create('arrives');
    expect(keysOf(await waiting)).toEqual(['arrives']);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('is answered with nothing when its time is over', async () => {
    expect(await claim({ waitMs: 50 })).toEqual([]);
  });

  test('takes what a release, a retry and a due retry make ready', async () => {
    await create('again', { maxRetries: 3 });
    const [held] = await claim();
    let waiting = claim({ waitMs: 30_000 });
    await eventually('it waits', () => setup.store.workersWaiting === 1);
    await setup.store.releaseAssessments({ workerId: 'w1', claimTokens: [held?.claimToken ?? ''] }, actor);
    const [released] = await waiting;
    expect(released?.assessment).toMatchObject({ assessmentId: 'again', retryCount: 0, version: 4 });
    waiting = claim({ waitMs: 30_000 });
    await setup.store.failAssessment({ assessmentId: 'again', error: 'no', claimToken: released?.claimToken }, actor);
    const [due] = await waiting;
    expect(due?.assessment).toMatchObject({ assessmentId: 'again', retryCount: 1 });
    await setup.store.failAssessment({ assessmentId: 'again', error: 'no', retryable: false, claimToken: due?.claimToken }, actor);
    waiting = claim({ waitMs: 30_000 });
    await setup.store.retryAssessment({ assessmentId: 'again' }, actor);
    expect(keysOf(await waiting)).toEqual(['again']);
    await setup.store.cancelAssessment({ assessmentId: 'again' }, actor);
  });

  test('leaves no claim behind when its worker goes away, before or after there is work', async () => {
    await drain();
    const gone = new AbortController();
    const waiting = setup.store.claimAssessments({ workerId: 'gone', waitMs: 30_000 }, actor, gone.signal);
    await eventually('it waits', () => setup.store.workersWaiting === 1);
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(setup.store.workersWaiting).toBe(0);
    for (let round = 0; round < 20; round++) {
      const late = new AbortController();
      const race = setup.store.claimAssessments({ workerId: 'gone', waitMs: 30_000 }, actor, late.signal).catch(() => []);
      const created = create(`race-${round}`);
      await new Promise((resolve) => setImmediate(resolve));
      late.abort();
      const got = await race;
      await created;
      if (got.length === 0) expect(keysOf(await claim({ waitMs: 10_000 }))).toEqual([`race-${round}`]);
    }
  });

  test('a thousand of them cost no statement while there is nothing, and one assessment wakes one', async () => {
    await drain();
    const all = Array.from({ length: 1_000 }, (_, index) => claim({ workerId: `idle-${index}`, waitMs: 60_000 }));
    await eventually('all wait', () => setup.store.workersWaiting === 1_000);
    setup.statements.length = 0;
    await create('only');
    await eventually('one of them has it', () => setup.store.workersWaiting === 999);
    expect(setup.statements.filter((sql) => sql.includes('claimAssessments')).length).toBeLessThanOrEqual(2);
    await Promise.all(Array.from({ length: 999 }, (_, index) => create(`for-all-${index}`)));
    const claims = await Promise.all(all);
    expect(claims.every((own) => own.length === 1)).toBe(true);
    expect(new Set(claims.flatMap(keysOf)).size).toBe(1_000);
  });
});
