import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, test } from 'vitest';
import { bringTo, createAll, keysOf } from '../support/batches.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';
let setup: TestStore; let app: TestApp;
beforeAll(async () => { setup = await startTestStore(); app = await startTestApp(); });
afterAll(async () => { await setup.stop(); await app.stop(); });
const measure = async <T>(name: string, run: () => Promise<T>) => {
  const h = monitorEventLoopDelay({ resolution: 5 }); h.enable();
  const t = performance.now(); const r = await run(); h.disable();
  console.log(name, Math.round(performance.now() - t), 'ms; loop max', Math.round(h.max / 1e6), 'p99', Math.round(h.percentile(99) / 1e6));
  return r;
};
test('api', { timeout: 200_000 }, async () => {
  for (const prefix of ['a', 'b']) {
    const keys = keysOf(prefix, 10_000);
    await measure('api create', () => app.send('mutation ($input: BatchCreateAssessmentsInput!) { batchCreateAssessments(input: $input) { results { __typename ... on CreateAssessmentPayload { assessment { assessmentId state } } ... on Error { message } } } }', { input: { assessments: keys.map((assessmentId) => ({ assessmentId, type: 'HEALTH' })) } }));
    await bringTo(await app.database.connect(), keys, 'processing');
    for (let i = 0; i < 2; i++) await measure('api complete (2nd: all refused)', () => app.send('mutation ($input: BatchCompleteAssessmentsInput!) { batchCompleteAssessments(input: $input) { results { __typename ... on CompleteAssessmentPayload { assessment { assessmentId state } } ... on Error { message } } } }', { input: { completions: keys.map((assessmentId) => ({ assessmentId, result: {} })) } }));
  }
});
test('cleanup', { timeout: 400_000 }, async () => {
  const psql = await setup.database.connect();
  await psql.query('set session_replication_role = replica');
  await psql.query(`insert into assessment_states (id, assessment_id, state, type, source, request_data, request_hash, created_at, updated_at, started_at, completed_at)
    select gen_random_uuid(), 'k' || n, 'completed', 'health', 'api', '{}', '', now() - interval '60 days', now() - n * interval '20 s', now(), now() - n * interval '20 s' from generate_series(1, 300000) n`);
  await psql.query(`insert into assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, created_at, progress, retry_count)
    select 'default', 'k' || n, case when v > 1 then 'processing'::assessment_state end, 'processing', nullif(v - 1, 0), v, 'x', now(), 0, 0 from generate_series(1, 300000) n, generate_series(1, 4) v`);
  await psql.query('analyze assessment_states'); await psql.query('analyze assessment_state_audit');
  console.log(await measure('dry', () => setup.store.cleanupOldAssessments({ retentionDays: 60, dryRun: true }, actor)));
  console.log(await measure('real', () => setup.store.cleanupOldAssessments({ retentionDays: 60 }, actor)));
  console.log(await measure('real', () => setup.store.cleanupOldAssessments({ retentionDays: 58 }, actor)));
  await psql.query(`update assessment_states set state = 'failed'`);
  console.log((await measure('retry', () => setup.store.batchRetryFailedAssessments({ maxRetries: 2, limit: 10_000 }, actor))).length);
  console.log((await measure('cancel', () => setup.store.batchCancelAssessments({ where: { retryCount: { eq: 1 } }, limit: 10_000 }, actor))).length);
  await createAll(setup.store, keysOf('z', 1));
});
