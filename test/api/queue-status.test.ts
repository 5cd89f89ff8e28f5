import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssessmentStore } from '../../src/store/index.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

let service: TestApp;
let store: AssessmentStore;
beforeAll(async () => {
  service = await startTestApp({ RETRY_BASE_MS: 3_600_000, RETRY_CAP_MS: 86_400_000, MAINTENANCE_MS: 3_600_000 });
  store = service.app.store;
});
afterAll(() => service.stop());

interface Status {
  workers: { workerId: string; processing: number; lastSeenAt: string }[];
  byPriority: { priority: number; ready: number; oldestAgeMs: number }[];
}

async function status(): Promise<Status> {
  service.statements.length = 0;
  const figures = 'depth ready scheduled processing byPriority { priority ready oldestAgeMs } workers { workerId processing lastSeenAt }';
  const { data, errors } = await service.send<{ queueStatus: Status }>(`{ queueStatus { ${figures} } }`);
  expect(errors).toBeUndefined();
  expect(service.statements).toHaveLength(1);
  return data.queueStatus;
}

test('of an empty queue it is all zero', async () => {
  expect(await status()).toEqual({ depth: 0, ready: 0, scheduled: 0, processing: 0, byPriority: [], workers: [] });
});

test('it counts what is ready by priority, what waits, and who works since when', async () => {
  for (const [assessmentId, priority] of Object.entries({ a1: 1, b1: 1, c4: 4, d7: 7, e7: 7, f7: 7, g10: 10 })) {
    await store.createAssessment({ assessmentId, type: 'HEALTH', priority, maxRetries: 1, timestamp: new Date() }, actor);
  }
  await store.createAssessment({ assessmentId: 'elsewhere', type: 'HEALTH' }, { tenantId: 'another', subject: 'x' });
  const [a1, b1] = await store.claimAssessments({ workerId: 'zoe', limit: 2 }, actor);
  const [c4] = await store.claimAssessments({ workerId: 'adam', limit: 1 }, actor);
  expect([a1, b1, c4].map((claimed) => claimed?.assessment.assessmentId)).toEqual(['a1', 'b1', 'c4']);
  await store.failAssessment({ assessmentId: 'a1', error: 'once', claimToken: a1?.claimToken }, actor);
  await store.startProcessing({ assessmentId: 'd7' }, actor);
  await store.cancelAssessment({ assessmentId: 'e7' }, actor);
  const psql = await service.database.connect();
  await psql.query(`begin; set local session_replication_role = replica;
    update assessment_states set created_at = created_at - interval '1 hour' where assessment_id = 'f7';
    update assessment_states set created_at = created_at - interval '100 days' where assessment_id = 'g10'; commit`);

  const before = await status();
  expect(before).toEqual({
    ...{ depth: 3, ready: 2, scheduled: 1, processing: 3 },
    byPriority: [
      { priority: 7, ready: 1, oldestAgeMs: expect.any(Number) },
      // More than an Int can say: as much as it can.
      { priority: 10, ready: 1, oldestAgeMs: 2_147_483_647 },
    ],
    workers: [
      { workerId: 'adam', processing: 1, lastSeenAt: c4?.assessment.claimedAt?.toISOString() },
      { workerId: 'zoe', processing: 1, lastSeenAt: b1?.assessment.claimedAt?.toISOString() },
    ],
  });
  const hourOld = before.byPriority[0]?.oldestAgeMs ?? 0;
  expect(hourOld).toBeGreaterThanOrEqual(3_600_000);
  expect(hourOld).toBeLessThan(3_600_000 + 60_000);

  await psql.query(`update assessment_states set claim_seen_at = claim_seen_at - interval '1 minute' where claim_token is not null`);
  const unseen = (await status()).workers;
  await store.heartbeat({ workerId: 'zoe', claimTokens: [b1?.claimToken ?? ''] }, actor);
  const seen = (await status()).workers;
  expect(seen[0]).toEqual(unseen[0]);
  expect(Date.parse(seen[1]?.lastSeenAt ?? '') - Date.parse(unseen[1]?.lastSeenAt ?? '')).toBeGreaterThanOrEqual(60_000);
});

test('a retry whose time has come is ready as soon as the loop has seen it, and of a claim that is lost nobody is left', async () => {
  const psql = await service.database.connect();
  await psql.query(`begin; set local session_replication_role = replica;
    update assessment_states set next_retry_at = clock_timestamp() where next_retry_at is not null;
    update assessment_state_audit a set next_retry_at = s.next_retry_at from assessment_states s
      where s.assessment_id = a.assessment_id and s.version = a.version_to; commit`);
  expect(await store.maintenance.readyRetries()).toBe(1);
  expect(await status()).toMatchObject({ depth: 3, ready: 3, scheduled: 0 });
  await psql.query(`update assessment_states set claim_expires_at = clock_timestamp() where claim_token is not null`);
  expect(await store.maintenance.expireClaims()).toBe(2);
  expect(await status()).toMatchObject({ depth: 5, ready: 3, scheduled: 2, processing: 1, workers: [] });
});
