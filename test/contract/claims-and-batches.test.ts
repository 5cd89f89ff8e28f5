import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AlreadyExistsError,
  type Assessments,
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  VersionConflictError,
} from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { type Implementation, implementations } from './implementations.ts';

const noToken = '01890a5d-ac96-774b-bcce-b302099a8057';

describe.each(implementations)('%s', (_, open) => {
  let implementation: Implementation;
  let service: Assessments;
  beforeAll(async () => {
    implementation = await open();
    service = implementation.service;
  });
  afterAll(() => implementation.stop());

  const create = async (input: { type?: 'HEALTH' | 'SECURITY' | 'COMPLIANCE'; priority?: number } = {}): Promise<string> =>
    (await service.createAssessment({ type: 'HEALTH', ...input })).assessment.assessmentId;
  const isBooked = (depth: number) => eventually(`${depth} are ready`, async () => (await service.queueStatus()).ready === depth);

  describe('claims', () => {
    test('the most urgent first, with what is needed to work on it; held until it is reported', async () => {
      const usual = await create({ type: 'SECURITY' });
      const urgent = await create({ type: 'SECURITY', priority: 1 });
      const claims = await service.claimAssessments({ workerId: 'w1', types: ['SECURITY'], limit: 5, leaseMs: 60_000 });
      expect(claims.map(({ assessment }) => assessment.assessmentId)).toEqual([urgent, usual]);
      const [claim] = claims;
      expect(claim).toMatchObject({
        ...{ claimToken: expect.stringMatching(/^[0-9a-f-]{36}$/), expiresAt: expect.any(Date) },
        assessment: { state: 'PROCESSING', claimedBy: 'w1', requestData: { type: 'SECURITY', priority: 1 } },
      });
      expect(claim?.assessment.claimExpiresAt).toEqual(claim?.expiresAt);
      const claimToken = claim?.claimToken ?? '';
      const report = { assessmentId: urgent, progress: 10 };
      expect(await service.updateProgress({ ...report, claimToken })).toMatchObject({ progress: 10, claimedBy: 'w1' });
      expect(await Promise.allSettled([service.updateProgress(report)])).toMatchObject([{ reason: expect.any(ClaimLostError) }]);
      expect(await service.completeAssessment({ assessmentId: urgent, result: {}, claimToken })).toMatchObject({ claimedBy: null });

      const heartbeats = await service.heartbeat({ workerId: 'w1', claimTokens: claims.map((one) => one.claimToken), leaseMs: 90_000 });
      expect(heartbeats).toEqual([
        { claimToken, held: false, cancelled: false, expiresAt: null },
        { claimToken: claims[1]?.claimToken, held: true, cancelled: false, expiresAt: expect.any(Date) },
      ]);
      expect(heartbeats[1]?.expiresAt?.getTime()).toBeGreaterThan(claims[1]?.expiresAt.getTime() ?? 0);

      const claimTokens = [claims[1]?.claimToken ?? '', noToken];
      expect(await service.releaseAssessments({ workerId: 'w1', claimTokens, reason: 'break' })).toEqual([
        { claimToken: claimTokens[0], released: true },
        { claimToken: noToken, released: false },
      ]);
      expect(await service.getState(usual)).toMatchObject({ state: 'PENDING', retryCount: 0, claimedBy: null });
    });

    test('a heartbeat tells of a cancellation', async () => {
      const assessmentId = await create({ type: 'COMPLIANCE' });
      const [claim] = await service.claimAssessments({ workerId: 'w2', types: ['COMPLIANCE'] });
      await service.cancelAssessment({ assessmentId });
      const claimToken = claim?.claimToken ?? '';
      expect(await service.heartbeat({ workerId: 'w2', claimTokens: [claimToken] })).toEqual([
        { claimToken, held: false, cancelled: true, expiresAt: null },
      ]);
    });

    test('nothing is an empty list, after the wait; work that arrives ends the wait', async () => {
      expect(await service.claimAssessments({ workerId: 'w3', types: ['COMPLIANCE'], waitMs: 20 })).toEqual([]);
      const waiting = service.claimAssessments({ workerId: 'w3', types: ['COMPLIANCE'], waitMs: 60_000 });
      const assessmentId = await create({ type: 'COMPLIANCE' });
      expect((await waiting).map(({ assessment }) => assessment.assessmentId)).toEqual([assessmentId]);
    });

    test('each is given to one, however many ask', async () => {
      await service.batchCancelAssessments({ where: { state: { eq: 'PENDING' } } });
      const ids = await Promise.all(Array.from({ length: 30 }, () => create()));
      await isBooked(30);
      const claims = await Promise.all(
        Array.from({ length: 10 }, (__, n) => service.claimAssessments({ workerId: `many-${n}`, types: ['HEALTH'], limit: 5 })),
      );
      expect(
        claims
          .flat()
          .map(({ assessment }) => assessment.assessmentId)
          .toSorted(),
      ).toEqual(ids.toSorted());
      const { workers, processing } = await service.queueStatus();
      expect(workers.filter(({ workerId }) => workerId.startsWith('many-')).reduce((sum, worker) => sum + worker.processing, 0)).toBe(30);
      expect(processing).toBeGreaterThanOrEqual(30);
    });
  });

  describe('batches', () => {
    test('give for each item what its command gives, or its refusal, in the order of the input', async () => {
      const taken = await create();
      const results = await service.batchCreateAssessments({
        assessments: [
          { assessmentId: 'b-1', type: 'HEALTH' },
          { assessmentId: taken, type: 'SECURITY' },
          { assessmentId: 'b-2', type: 'HEALTH', priority: 0.5 },
          { assessmentId: 'b-1', type: 'HEALTH' },
          { assessmentId: 'b-3', type: 'HEALTH', metadata: { at: new Date(0) } },
          { type: 'HEALTH' },
        ],
      });
      expect(results.map(nameOf)).toEqual(['created', AlreadyExistsError, InvalidInputError, 'there', InvalidInputError, 'created']);
      expect((results[2] as InvalidInputError).fields.map(({ path }) => path)).toEqual([['priority']]);
      expect((results[4] as InvalidInputError).fields.map(({ path }) => path)).toEqual([['metadata', 'at']]);
      await service.startProcessing({ assessmentId: 'b-1' });
      const reports = await service.batchUpdateProgress({
        updates: [
          { assessmentId: 'b-1', progress: 10 },
          { assessmentId: 'none', progress: 10 },
          { assessmentId: 'b-1', progress: 20, expectedVersion: 3 },
          { assessmentId: 'b-1', progress: 30, expectedVersion: 3 },
          { assessmentId: taken, progress: 10 },
          { assessmentId: 'b-1', progress: 33.3 },
        ],
      });
      expect(reports.map(nameOf)).toEqual([
        ...['PROCESSING 10', NotFoundError, 'PROCESSING 20', VersionConflictError, InvalidTransitionError, InvalidInputError],
      ]);
      const completions = await service.batchCompleteAssessments({
        completions: [
          { assessmentId: 'b-1', result: { fine: true } },
          { assessmentId: 'b-1', result: {} },
        ],
      });
      expect(completions.map(nameOf)).toEqual(['COMPLETED 100', InvalidTransitionError]);
      expect((await service.getState('b-1')).resultData).toEqual({ fine: true });
    });

    test.each([
      ['the service refuses', { assessmentId: 'c-2', type: 'HEALTH' as const, priority: 11 }],
      ['cannot be sent', { assessmentId: 'c-2', type: 'HEALTH' as const, metadata: { big: 1n } }],
      ['GraphQL does not take', { assessmentId: 'c-2', type: 'OTHER' as never }],
    ])('that are atomic do all or nothing: one that %s', async (__, bad) => {
      const assessments = [{ assessmentId: 'c-1', type: 'HEALTH' as const }, bad, { assessmentId: 'c-3', type: 'HEALTH' as const }];
      const results = await service.batchCreateAssessments({ assessments, atomic: true });
      expect(results.map(nameOf)).toEqual([InvalidInputError, InvalidInputError, InvalidInputError]);
      expect((results[0] as Error).message).toMatch(/atomic, and its item 1 /);
      expect(results[2]).toEqual(results[0]);
      expect((results[1] as InvalidInputError).fields[0]?.path).not.toEqual([]);
      expect(await service.countAssessments({ where: { assessmentId: { startsWith: 'c-' } } })).toBe(0);
    });

    test('that are atomic and right are done together', async () => {
      const assessments = ['d-1', 'd-2'].map((assessmentId) => ({ assessmentId, type: 'HEALTH' as const }));
      expect((await service.batchCreateAssessments({ assessments, atomic: true })).map(nameOf)).toEqual(['created', 'created']);
      for (const { assessmentId } of assessments) await service.startProcessing({ assessmentId });
      const updates = assessments.map(({ assessmentId }) => ({ assessmentId, progress: 5 }));
      expect((await service.batchUpdateProgress({ updates, atomic: true })).map(nameOf)).toEqual(['PROCESSING 5', 'PROCESSING 5']);
      const completions = [...assessments.map(({ assessmentId }) => ({ assessmentId, result: {} })), { assessmentId: 'none', result: {} }];
      expect((await service.batchCompleteAssessments({ completions, atomic: true })).map(nameOf)).toEqual([
        ...[InvalidInputError, InvalidInputError, NotFoundError],
      ]);
      expect(await service.getState('d-1')).toMatchObject({ state: 'PROCESSING' });
    });

    test('of nothing give nothing', async () => {
      expect(await service.batchCreateAssessments({ assessments: [] })).toEqual([]);
      expect(await service.batchUpdateProgress({ updates: [], atomic: true })).toEqual([]);
    });

    test('by filter give the keys of what they changed, the oldest first', async () => {
      const ids: string[] = [];
      for (const assessmentId of ['e-1', 'e-2', 'e-3']) {
        await service.createAssessment({ assessmentId, type: 'HEALTH' });
        await service.startProcessing({ assessmentId });
        await service.failAssessment({ assessmentId, error: 'no' });
        ids.push(assessmentId);
      }
      const where = { assessmentId: { startsWith: 'e-' } };
      expect(await service.batchRetryFailedAssessments({ maxRetries: 1, where, limit: 2, reason: 'again' })).toEqual(ids.slice(0, 2));
      expect(await service.batchCancelAssessments({ where, reason: 'enough' })).toEqual(ids.slice(0, 2));
      expect((await service.getState('e-1')).state).toBe('CANCELLED');
    });

    test('cleaning up deletes what ended long ago, and only that', async () => {
      await service.cancelAssessment({ assessmentId: 'd-1' });
      const psql = await implementation.database.connect();
      await psql.query('set session_replication_role = replica'); // without the triggers, which let nobody tamper with times
      await psql.query(
        "update assessment_states set created_at = created_at - interval '40 days', updated_at = updated_at - interval '40 days' where assessment_id = 'd-1'",
      );
      await psql.query("update assessment_state_audit set created_at = created_at - interval '40 days' where assessment_id = 'd-1'");
      expect(await service.cleanupOldAssessments({ retentionDays: 30, dryRun: true })).toBe(1);
      expect(await service.cleanupOldAssessments({ retentionDays: 30 })).toBe(1);
      expect(await service.countAssessments({ where: { assessmentId: { startsWith: 'd-' } } })).toBe(1);
    });
  });
});

/** What became of an item, in brief. */
function nameOf(result: unknown): unknown {
  if (result instanceof Error) return result.constructor;
  const { created, state, progress } = result as { created?: boolean; state?: string; progress?: number };
  return created === undefined ? `${state} ${progress}` : created ? 'created' : 'there';
}
