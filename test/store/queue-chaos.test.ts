import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { findChaosFlaws } from '../support/chaos-checker.ts';
import { anyAct, Chaos } from '../support/queue-chaos.ts';
import { TestLog } from '../support/test-log.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

const options = { maintenanceMs: 3_600_000, retryBaseMs: 2, retryCapMs: 10 };
const actors = 8;
const actsEach = 50;

let setup: TestStore;
let stores: AssessmentStore[];
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore(options);
  stores = [setup.store, await openStore({ databaseUrl: setup.database.url, log: new TestLog(), ...options })];
  psql = await setup.database.connect();
});
afterAll(async () => {
  await stores[1]?.stop();
  await setup.stop();
});

let runs = 0;
let accepted = 0;

/** A dozen assessments, some with retries, some with a timeout that is always over. */
async function createAll(tenantId: string): Promise<string[]> {
  const types = ['HEALTH', 'SECURITY', 'COMPLIANCE'] as const;
  const made = Array.from({ length: 12 }, (_, index) =>
    setup.store.createAssessment(
      {
        ...{ assessmentId: `row-${index}`, type: types[index % 3] ?? 'HEALTH', priority: 1 + (index % 10), maxRetries: 20 * (index % 4) },
        ...(index % 5 === 0 && { timeoutMs: 1 }),
      },
      { tenantId, subject: 'creator' },
    ),
  );
  return (await Promise.all(made)).map(({ assessment }) => assessment.assessmentId);
}

/** Lets every lease run out and every retry come due, and works off what is there until nothing is left. */
async function workOff(tenantId: string): Promise<void> {
  const actor = { tenantId, subject: 'cleaner' };
  for (let round = 0; round < 200; round++) {
    await psql.query(`update assessment_states set claim_expires_at = clock_timestamp() where tenant_id = $1 and claim_token is not null`, [
      tenantId,
    ]);
    await setup.store.maintenance.expireClaims();
    await setup.store.maintenance.readyRetries();
    for (const { assessment, claimToken } of await setup.store.claimAssessments({ workerId: 'cleaner', limit: 500 }, actor)) {
      const completed = setup.store.completeAssessment({ assessmentId: assessment.assessmentId, result: {}, claimToken }, actor);
      // One that is always too late has been ended by the loop.
      await completed.catch((error: unknown) => expect(error).toMatchObject({ code: 'CLAIM_LOST', assessment: { timeoutMs: 1 } }));
    }
    // What was started without a claim has nobody whose lease could run out.
    await psql.query(
      `update assessment_states set state = 'failed' where tenant_id = $1 and state = 'processing' and claim_token is null`,
      [tenantId],
    );
    const { depth, processing } = await setup.store.queueStatus(actor);
    if (depth + processing === 0) return;
  }
  expect.fail('something is stuck');
}

test('whatever eight workers do at once, the fence holds, every claim has one holder, and nothing is stuck', async () => {
  const run = async (seed: number): Promise<void> => {
    const tenantId = `chaos-${++runs}`;
    const chaos = new Chaos(stores, { tenantId, subject: 'chaos' }, await createAll(tenantId));
    const plays = Array.from({ length: actors }, (_, index) => fc.sample(anyAct, { seed: seed + index, numRuns: actsEach }));
    await Promise.all(plays.map((acts, index) => chaos.play(index, acts)));
    const flaws = await findChaosFlaws(psql, tenantId, chaos);
    await workOff(tenantId);
    expect({ flaws, unexpected: chaos.unexpected, ghosts: chaos.ghosts, audit: await findAuditFlaws(psql) }).toEqual({
      ...{ flaws: [], unexpected: [], ghosts: [], audit: [] },
    });
    accepted += chaos.reports.length;
  };
  // What happened at once will not happen again in the same way: there is nothing to shrink.
  await fc.assert(fc.asyncProperty(fc.integer(), run), { numRuns: 6, endOnFailure: true });
  const { rows } = await psql.query('select deadlocks::int from pg_stat_database where datname = current_database()');
  expect(rows).toEqual([{ deadlocks: 0 }]);
  expect(accepted).toBeGreaterThan(50);
});
