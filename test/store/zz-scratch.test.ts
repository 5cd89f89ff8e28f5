import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestApp } from '../support/test-app.ts';

const doc = `mutation ($input: ClaimAssessmentsInput!) { claimAssessments(input: $input) { claims { claimToken expiresAt assessment { assessmentId requestData } } } }`;
const cdoc = `mutation ($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename } }`;
test('scratch', async () => {
  const service = await startTestApp({ MAINTENANCE_MS: 3_600_000, RECONCILE_MS: 60_000 });
  const psql = await service.database.connect();
  const store = service.app.store;
  let bad = 0;
  for (let round = 0; round < 60; round++) {
    const client = service.connect();
    service.statements.length = 0;
    const log: unknown[] = [];
    const poll = (workerId: string) =>
      new Promise<unknown>((resolve, reject) => {
        client.subscribe({ query: doc, variables: { input: { workerId, waitMs: 2_000 } } }, { next: (v) => { log.push([workerId, performance.now(), JSON.stringify(v).length]); resolve(v); }, error: reject, complete: () => {} });
      });
    const polls = [poll('a'), poll('b')];
    await eventually('2', () => store.workersWaiting === 2);
    await service.send(cdoc, { input: { assessmentId: `first ${round}`, type: 'HEALTH' } });
    await service.send(cdoc, { input: { assessmentId: `second ${round}`, type: 'HEALTH' } });
    await Promise.all(polls);
    const { rows } = await psql.query(`select assessment_id, state, version, claimed_by, ready, claimed_at, created_at from assessment_states where assessment_id like $1`, [`% ${round}`]);
    if (rows.some((r) => r.state === 'pending')) {
      bad++;
      console.log('BAD', round, rows, log, service.statements.map((s) => s.slice(0, 30)));
      await psql.query(`update assessment_states set state = 'cancelled' where state in ('pending','processing')`);
    }
  }
  await service.stop();
  expect(bad).toBe(0);
});
