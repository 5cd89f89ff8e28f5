// What a claim costs on a full table beside an empty one, and how the dead rows are kept in check. Prints a table and the plan. See README.md.

import { migrate } from '../src/database/migrate.ts';
import { type AssessmentStore, openStore } from '../src/store/index.ts';
import { createLoadDatabase, findPostgres, type LoadDatabase } from './support/database.ts';
import { printTable, quantile, shown } from './support/figures.ts';
import { setting } from './support/settings.ts';

const finished = setting('FINISHED', 1_000_000);
const pending = setting('PENDING', 100_000);
const claims = setting('CLAIMS', 500);
const churn = setting('CHURN', 20_000);
const promised = 1.5;
const actor = { tenantId: 'default', subject: 'load' };
const log = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };

/** Rows as the service leaves them, without their audit trails; the triggers are off for this connection alone. */
async function fill(database: LoadDatabase, state: 'completed' | 'pending', count: number): Promise<void> {
  for (let from = 0; from < count; from += 50_000) {
    await database.query(
      `with off as materialized (select set_config('session_replication_role', 'replica', true))
       insert into assessment_states (id, assessment_id, state, type, source, request_data, request_hash, result_data, progress, priority, version,
         created_at, updated_at, started_at, completed_at, queue_rank, changed_by)
       select gen_random_uuid(), $1 || '-' || n, $2::assessment_state, (array['compliance', 'health', 'security'])[1 + n % 3]::assessment_type, 'api',
         '{"filler": "x"}', '', case when $2 = 'completed' then '{}'::jsonb end, case when $2 = 'completed' then 100 else 0 end, 1 + n % 10,
         case when $2 = 'completed' then 3 else 1 end, t, t, case when $2 = 'completed' then t end, case when $2 = 'completed' then t end,
         t + (n % 10) * interval '5 minutes', 'load'
       from off, generate_series($3::int, $4::int) n, lateral (select now() - n * interval '10 milliseconds' as t) times`,
      [state, state, from + 1, Math.min(count, from + 50_000)],
    );
  }
}

/** Claims one at a time, and completes each; how long each claim takes, in milliseconds. */
async function claimTimes(store: AssessmentStore): Promise<number[]> {
  const times: number[] = [];
  for (let made = 0; made < claims; made++) {
    await store.createAssessment({ type: 'HEALTH', priority: 1 }, actor);
    const begun = performance.now();
    const [claimed] = await store.claimAssessments({ workerId: 'load' }, actor);
    times.push(performance.now() - begun);
    if (claimed === undefined) throw new Error('there was nothing to claim');
    await store.completeAssessment({ assessmentId: claimed.assessment.assessmentId, result: {}, claimToken: claimed.claimToken }, actor);
  }
  return times;
}

/** Works through so many, as fast as it goes; then how many dead rows and how large the index of what is ready. */
async function churnThrough(store: AssessmentStore): Promise<void> {
  for (let done = 0; done < churn; ) {
    const claimed = await store.claimAssessments({ workerId: 'load', limit: 500 }, actor);
    const completions = claimed.map(({ assessment: { assessmentId }, claimToken }) => ({ assessmentId, claimToken, result: {} }));
    await store.batchCompleteAssessments({ completions }, actor);
    done += claimed.length;
  }
}

async function storage(database: LoadDatabase): Promise<string> {
  const [row] = await database.query<{ dead: string; live: string; size: string; vacuums: string }>(`
    select n_dead_tup as dead, n_live_tup as live, pg_size_pretty(pg_relation_size('assessment_states_ready')) as size, autovacuum_count as vacuums
    from pg_stat_user_tables where relname = 'assessment_states'`);
  return `${row?.live} rows, ${row?.dead} dead, ${row?.vacuums} automatic vacuums, the index of what is ready has ${row?.size}`;
}

async function main(): Promise<boolean> {
  const server = await findPostgres();
  const database = await createLoadDatabase(server);
  try {
    await migrate({ databaseUrl: database.url, log });
    const store = await openStore({ databaseUrl: database.url, log });
    try {
      await claimTimes(store); // until connections, plans and caches are warm
      const empty = await claimTimes(store);
      await fill(database, 'completed', finished);
      await fill(database, 'pending', pending);
      await database.query('vacuum analyze assessment_states');
      await claimTimes(store);
      const full = await claimTimes(store);
      await churnThrough(store);
      const churned = await claimTimes(store);
      const row = (name: string, times: number[]) => [name, ...[0.5, 0.99].map((p) => shown(quantile(times, p), ' ms'))];
      printTable([
        ['one claim', 'p50', 'p99'],
        row('empty table', empty),
        row(`${finished} finished, ${pending} pending`, full),
        row(`after ${churn} more were done`, churned),
      ]);
      console.log(await storage(database));
      const ratio = (quantile(full, 0.5) ?? Number.NaN) / (quantile(empty, 0.5) ?? Number.NaN);
      console.log(`a claim on the full table takes ${ratio.toFixed(2)} times as long as on the empty one (promised: at most ${promised})`);
      return ratio <= promised;
    } finally {
      await store.stop();
    }
  } finally {
    await database.drop();
    await server.stop();
  }
}

process.exitCode = (await main()) ? 0 : 1;
