import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

const everything = `id assessmentId type source serverName state terminal version progress message priority errorMessage retryCount maxRetries nextRetryAt
  timeoutMs claim { workerId claimedAt expiresAt } createdAt updatedAt startedAt completedAt durationMs requestData resultData options { deepScan }`;
const trail = 'auditTrail(first: 50) { nodes { changedBy reason oldState newState versionTo } }';

test('a claim token is told to its worker alone: no read, refusal, update or log line has it', async () => {
  const { store } = service.app;
  for (const assessmentId of ['held', 'cancelled', 'released']) await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  const claims = await store.claimAssessments({ workerId: 'w1', limit: 3 }, actor);
  const tokenOf = (key: string) =>
    claims.find(({ assessment }) => assessment.assessmentId === key)?.claimToken ?? expect.fail('not claimed');
  await store.cancelAssessment({ assessmentId: 'cancelled', reason: 'why not' }, actor);
  await store.releaseAssessments({ workerId: 'w1', claimTokens: [tokenOf('released')], reason: 'done for today' }, actor);

  const told: unknown[] = [];
  told.push(
    await service.send(`{ assessments(first: 10) { nodes { ${everything} ${trail} } } queueStatus { ready workers { workerId } } }`),
  );
  for (const key of ['held', 'cancelled', 'released']) {
    told.push(await service.send(`{ assessment(assessmentId: "${key}") { ${everything} ${trail} } }`));
    const refused = `mutation { updateProgress(input: { assessmentId: "${key}", progress: 3 }) { ... on Error { code message }
      ... on ClaimLostError { assessment { ${everything} } } ... on InvalidTransitionError { assessment { ${everything} } } } }`;
    told.push(await service.send(refused));
  }
  const search = await Promise.all(claims.map(({ claimToken }) => service.send(`{ assessments(search: "${claimToken}") { totalCount } }`)));
  const progress = `mutation { updateProgress(input: { assessmentId: "held", progress: 4, claimToken: "${tokenOf('held')}" })
    { ... on UpdateProgressPayload { assessment { ${everything} ${trail} } } } }`;
  told.push(await service.send(progress));
  told.push(service.logged, await store.getState('held', actor), await store.auditTrail('held', {}, actor));
  told.push(JSON.stringify(Object.values(await store.queueStatus(actor))));

  const text = JSON.stringify(told, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  expect(text).toContain('CLAIM_LOST');
  expect(text).toContain('"progress":4');
  for (const { claimToken } of claims) expect(text).not.toContain(claimToken);
  for (const { data } of search) expect(data).toEqual({ assessments: { totalCount: 0 } });
});
