import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { createWorker } from '../../src/worker/worker.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { TestLog } from '../support/test-log.ts';

const backlog = 2_000;
const crashes = 3;
const actor = { tenantId: 'default', subject: 'tester' };

let folder: string;
let server: EmbeddedPostgres;
let store: AssessmentStore;
beforeAll(async () => {
  // Another account has to pass through it when we are root.
  folder = await mkdtemp(join(tmpdir(), 'assessment-store-crash-'));
  await chmod(folder, 0o711);
  const log = new TestLog();
  server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log });
  await migrate({ databaseUrl: server.url, log });
  store = await openStore({ databaseUrl: server.url, log, retryBaseMs: 100 });
}, 60_000);
afterAll(async () => {
  await store.stop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A connection that lasts for one statement: the server may crash between two. */
async function query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
  const client = new pg.Client(server.url);
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

const completed = async (): Promise<number> => {
  const rows = await query<{ count: number }>(`select count(*)::int as count from assessment_states where state = 'completed'`).catch(
    () => [],
  );
  return rows[0]?.count ?? 0;
};

/** Kills one of its processes: PostgreSQL takes the shared memory for damaged, ends all others, recovers from its log and comes back. */
async function crash(): Promise<void> {
  const pid = await eventually('a connection of the store', async () => {
    const rows = await query<{ pid: number }>(`select pid from pg_stat_activity where application_name = 'assessment-store' limit 1`).catch(
      () => [],
    );
    return rows[0]?.pid;
  });
  process.kill(pid, 'SIGKILL');
}

test('PostgreSQL crashes and recovers under load: waits, commands and workers go on, nothing is lost, nothing done twice', {
  timeout: 120_000,
}, async () => {
  for (let from = 0; from < backlog; from += 1_000) {
    const assessments = Array.from({ length: 1_000 }, (_, index) => ({
      assessmentId: `work-${from + index}`,
      type: 'HEALTH' as const,
      maxRetries: 5,
    }));
    await store.batchCreateAssessments({ assessments }, actor);
  }
  const waits = Array.from({ length: 100 }, (_, index) =>
    store.waitForCompletion({ assessmentId: `work-${index * 20}`, timeoutMs: 100_000 }, actor),
  );
  const executions = new Map<string, number>();
  const workers = [1, 2].map(() =>
    createWorker({
      ...{ store, actor, concurrency: 5, prefetch: 5, leaseMs: 2_000 },
      handlers: {
        HEALTH: ({ assessment: { assessmentId } }) => {
          executions.set(assessmentId, (executions.get(assessmentId) ?? 0) + 1);
          return {};
        },
      },
    }),
  );
  for (const worker of workers) worker.start();
  for (let round = 1; round <= crashes; round++) {
    await eventually('some more are done', async () => (await completed()) >= round * 200, 60_000);
    await crash();
  }
  await eventually('all are done', async () => (await completed()) === backlog, 90_000);
  await Promise.all(workers.map((worker) => worker.stop()));
  for (const wait of await Promise.all(waits)) expect(wait).toMatchObject({ timedOut: false, assessment: { state: 'COMPLETED' } });
  expect(executions.size).toBe(backlog);

  const client = new pg.Client(server.url);
  await client.connect();
  expect(await findAuditFlaws(client)).toEqual([]);
  // Every execution beyond the first is explained by a lease that ran out, or a claim that was given back, before it.
  const trail = await client.query(`
    select assessment_id, count(*) filter (where new_state = 'processing')::int as claims,
      count(*) filter (where old_state = 'processing' and new_state = 'pending')::int as ends,
      count(*) filter (where new_state = 'completed')::int as completions
    from assessment_state_audit group by assessment_id`);
  await client.end();
  for (const { assessment_id, claims, ends, completions } of trail.rows) {
    expect({ assessment_id, claims, completions }).toEqual({ assessment_id, claims: 1 + ends, completions: 1 });
    expect(executions.get(assessment_id)).toBeLessThanOrEqual(claims);
  }
});
