// A backlog drained: so many assessments are there, then workers in processes of their own do them. Prints one line of JSON. See README.md.
//   tsx load/backlog.ts api|store
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openStore } from '../src/store/index.ts';
import { createLoadDatabase, findPostgres, type LoadDatabase } from './support/database.ts';
import { requestOf } from './support/operations.ts';
import { startService } from './support/service.ts';
import { setting } from './support/settings.ts';

const ways = ['api', 'store'] as const;
type Way = (typeof ways)[number];

const total = setting('N', 10_000);
const processes = setting('WORKERS', 1);
const atOnce = 1_000;
const actor = { tenantId: 'default', subject: 'load' };
const log = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };

/** Short-lived objects are most of what a worker makes; `npm start` gives the service as much room for them. */
const execArgv = [...process.execArgv, '--max-semi-space-size=64'];

/** Submits all of them, a thousand at a time; gives how many a second. */
async function submit(databaseUrl: string): Promise<number> {
  const store = await openStore({ databaseUrl, log });
  const begun = performance.now();
  for (let from = 0; from < total; from += atOnce) {
    const assessments = Array.from({ length: Math.min(atOnce, total - from) }, (_, index) => requestOf(`backlog-${from + index}`));
    const results = await store.batchCreateAssessments(
      { assessments: assessments as Parameters<typeof store.batchCreateAssessments>[0]['assessments'] },
      actor,
    );
    const refused = results.find((result) => result instanceof Error);
    if (refused) throw refused;
  }
  const perSecond = (total / (performance.now() - begun)) * 1_000;
  await store.stop();
  return perSecond;
}

async function startWorkers(target: string): Promise<ChildProcess[]> {
  const workers = Array.from({ length: processes }, () => fork(join(import.meta.dirname, 'work.ts'), [target], { execArgv }));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return workers;
}

async function drained(database: LoadDatabase): Promise<void> {
  for (;;) {
    const [row] = await database.query<{ left: boolean }>(
      `select exists (select from assessment_states where state in ('pending', 'processing')) as left`,
    );
    if (row?.left === false) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** How many were executed exactly once: the audit trail has creation, one claim by one worker, and completion, and nothing else. */
async function executedOnce(database: LoadDatabase): Promise<number> {
  const [row] = await database.query<{ count: number }>(`
    select count(*)::int as count from (
      select from assessment_state_audit group by tenant_id, assessment_id
      having array_agg(new_state::text order by version_to) = array['pending', 'processing', 'completed'] and count(distinct claimed_by) = 1
    ) once`);
  return row?.count ?? 0;
}

async function measure(database: LoadDatabase, target: string): Promise<Record<string, number>> {
  const submitPerS = await submit(database.url);
  await database.query('vacuum analyze');
  const workers = await startWorkers(target);
  const begun = performance.now();
  await drained(database);
  const drainPerS = (total / (performance.now() - begun)) * 1_000;
  for (const worker of workers) worker.disconnect();
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  return {
    n: total,
    workers: processes,
    submit_per_s: Math.round(submitPerS),
    drain_per_s: Math.round(drainPerS),
    executed_once: await executedOnce(database),
  };
}

async function main(way: Way): Promise<boolean> {
  const server = await findPostgres();
  const database = await createLoadDatabase(server);
  try {
    const service = await startService(database.url);
    try {
      const figures = await measure(database, way === 'api' ? service.url : database.url);
      console.log(JSON.stringify({ peer: `assessment-store (${way})`, mode: 'backlog', ...figures }));
      return figures['executed_once'] === total;
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await server.stop();
  }
}

const given = process.argv[2] ?? 'api';
const way = ways.find((name) => name === given);
if (way === undefined) throw new Error(`the way is ${ways.join(' or ')}, not "${given}"`);
process.exitCode = (await main(way)) ? 0 : 1;
