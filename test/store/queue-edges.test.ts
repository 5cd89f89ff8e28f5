import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClaimAssessments, CreateAssessment } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

/** A tick that does not come within the test: whatever arrives, arrives because somebody was told. */
const never = 3_600_000;

let setup: TestStore;
let psql: pg.Client;
const start = async (options = {}): Promise<void> => {
  setup = await startTestStore({ reconcileMs: never, maintenanceMs: never, ...options });
  psql = await setup.database.connect();
};
beforeEach(() => start());
afterEach(async () => {
  expect(await findAuditFlaws(psql)).toEqual([]);
  await setup.stop();
});

const create = (assessmentId: string, rest: Partial<CreateAssessment> = {}) =>
  setup.store.createAssessment({ assessmentId, type: 'HEALTH', ...rest }, actor);
const claim = (input: Partial<ClaimAssessments> = {}) => setup.store.claimAssessments({ workerId: 'w1', ...input }, actor);
const keysOf = (claims: { assessment: { assessmentId: string } }[]) => claims.map(({ assessment }) => assessment.assessmentId);

/** So many assessments, claimed, whose leases have run out. */
async function claimOverdue(count: number, rest: Partial<CreateAssessment> = {}): Promise<void> {
  const keys = Array.from({ length: count }, () => randomUUID());
  await Promise.all(keys.map((assessmentId) => create(assessmentId, rest)));
  for (let left = count; left > 0; left -= 500) await claim({ limit: Math.min(500, left) });
}
const letRunOut = () => psql.query(`update assessment_states set claim_expires_at = clock_timestamp() where claim_token is not null`);

describe('a store that ends its waits', () => {
  const endWhileWaiting = async (): Promise<void> => {
    const waiting = [claim({ waitMs: 30_000 }), claim({ waitMs: 30_000, types: ['HEALTH'] })];
    await eventually('both wait', () => setup.store.workersWaiting === 2);
    setup.store.endWaits();
    expect(await Promise.all(waiting)).toEqual([[], []]);
  };

  test('answers those who wait with nothing, and counts none of them any more', async () => {
    await endWhileWaiting();
    expect(setup.store.workersWaiting).toBe(0);
  });

  test('claims nothing for them when work comes afterwards', async () => {
    await endWhileWaiting();
    await create('after');
    // What the first creation may have begun shares the pool with these, and has been answered before them.
    for (const assessmentId of ['and', 'after', 'that']) await create(assessmentId);
    await eventually('every statement has ended', async () => {
      const { rows } = await psql.query(
        `select from pg_stat_activity where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`,
      );
      return rows.length === 0;
    });
    expect(await setup.store.queueStatus(actor)).toMatchObject({ ready: 3, processing: 0 });
  });
});

describe('a claim token in capitals, which is the same UUID', () => {
  const claimCapital = async (): Promise<string> => {
    await create('capital');
    const [held] = await claim();
    return held?.claimToken.toUpperCase() ?? '';
  };

  test('renews, and is answered as it was sent', async () => {
    const claimToken = await claimCapital();
    const results = await setup.store.heartbeat({ workerId: 'w1', claimTokens: [claimToken] }, actor);
    expect(results).toMatchObject([{ claimToken, held: true }]);
  });

  test('gives back, and is told so', async () => {
    const claimToken = await claimCapital();
    const released = await setup.store.releaseAssessments({ workerId: 'w1', claimTokens: [claimToken] }, actor);
    expect(await setup.store.getState('capital', actor)).toMatchObject({ state: 'PENDING' });
    expect(released).toEqual([{ claimToken, released: true }]);
  });

  test('is accepted by reports', async () => {
    await create('capital');
    const [held] = await claim();
    const claimToken = held?.claimToken.toUpperCase();
    await setup.store.updateProgress({ assessmentId: 'capital', progress: 5, claimToken }, actor);
    expect(await setup.store.completeAssessment({ assessmentId: 'capital', result: {}, claimToken }, actor)).toMatchObject({ version: 4 });
  });
});

describe('a round of the loop for leases and timeouts', () => {
  test('ends all that is due, also when one row of a full batch is locked', async () => {
    await claimOverdue(1_200);
    await letRunOut();
    await psql.query('begin');
    await psql.query(`select from assessment_states where state = 'processing' order by claim_token limit 1 for update`);
    expect(await setup.store.maintenance.expireClaims()).toBe(1_199);
    await psql.query('rollback');
    expect(await setup.store.maintenance.expireClaims()).toBe(1);
  });

  test('ends what is due behind many rows that an operator holds locked', async () => {
    await claimOverdue(700);
    await letRunOut();
    await psql.query('begin');
    await psql.query(`select from assessment_states where state = 'processing' order by claim_token limit 600 for update`);
    expect(await setup.store.maintenance.expireClaims()).toBe(100);
    await psql.query('rollback');
  });

  test('ends all that is due when some are due for both reasons', async () => {
    await claimOverdue(900, { timeoutMs: 60_000 });
    await psql.query(`begin; set local session_replication_role = replica;
      update assessment_states set started_at = started_at - interval '2 minutes';
      update assessment_states set claim_expires_at = clock_timestamp() where id in (select id from assessment_states limit 400); commit`);
    expect(await setup.store.maintenance.expireClaims()).toBe(900);
  });
});

test('an attempt without a claim is ended when its timeout is over, and not at the next tick', async () => {
  await setup.stop();
  const rounds: string[] = [];
  await start({ onStatement: (sql: string) => void (sql.startsWith('/* expireClaims') && rounds.push(sql)) });
  await eventually('the first round is over', () => rounds.length > 0);
  await create('unclaimed', { timeoutMs: 100 });
  await setup.store.startProcessing({ assessmentId: 'unclaimed' }, actor);
  const { assessment } = await setup.store.waitForCompletion({ assessmentId: 'unclaimed', timeoutMs: 8_000 }, actor);
  expect(assessment).toMatchObject({ state: 'FAILED', errorMessage: expect.stringContaining('timeout of 100 ms') });
});

describe('a retry', () => {
  test('that is due at once wakes who waits', async () => {
    await setup.stop();
    await start({ retryBaseMs: 0.001, retryCapMs: 0.001 });
    await create('hasty', { maxRetries: 30 });
    for (let round = 0, [held] = await claim(); round < 30; round++) {
      const waiting = claim({ waitMs: 5_000 });
      await eventually('it waits', () => setup.store.workersWaiting === 1);
      await setup.store.failAssessment({ assessmentId: 'hasty', error: 'no', claimToken: held?.claimToken }, actor);
      [held] = await waiting;
      expect(held?.assessment, `round ${round}`).toMatchObject({ assessmentId: 'hasty', retryCount: round + 1 });
    }
  });

  test('that is scheduled while a round is under way is not forgotten', async () => {
    await setup.stop();
    await start({ retryBaseMs: 100 });
    // What makes a retry ready takes half a second, as on a disk that is busy.
    await psql.query(`create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return new; end $$;
      create trigger slow before update of ready on assessment_states for each row execute function slow()`);
    await create('first', { maxRetries: 1 });
    await create('second', { maxRetries: 1 });
    const [first, second] = await claim({ limit: 2 });
    await setup.store.failAssessment({ assessmentId: 'first', error: 'no', claimToken: first?.claimToken }, actor);
    await eventually('the round is under way', async () => {
      const { rows } = await psql.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep' and query like '%readyRetries%'`,
      );
      return rows.length > 0;
    });
    await setup.store.failAssessment({ assessmentId: 'second', error: 'no', claimToken: second?.claimToken }, actor);
    const claims = await Promise.all([claim({ waitMs: 8_000 }), claim({ waitMs: 8_000 })]);
    expect(keysOf(claims.flat()).sort()).toEqual(['first', 'second']);
  });
});

describe('work that was locked when it was looked for', () => {
  test('is found when it is free, by one who waited for it alone', async () => {
    await create('locked', { priority: 1 });
    await psql.query('begin');
    await psql.query(`select from assessment_states where assessment_id = 'locked' for update`);
    const waiting = claim({ waitMs: 8_000 });
    await eventually('it waits', () => setup.store.workersWaiting === 1);
    await psql.query('rollback');
    expect(keysOf(await waiting)).toEqual(['locked']);
  });

  test('is found when it is free, also when others got some by the same statement', async () => {
    await create('locked', { priority: 1 });
    await create('free');
    await psql.query('begin');
    await psql.query(`select from assessment_states where assessment_id = 'locked' for update`);
    const both = [claim({ waitMs: 8_000 }), claim({ waitMs: 8_000 })];
    await eventually('one waits', () => setup.store.workersWaiting === 1);
    await psql.query('rollback');
    expect(keysOf((await Promise.all(both)).flat()).sort()).toEqual(['free', 'locked']);
  });
});
