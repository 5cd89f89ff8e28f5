import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Assessment, InvalidTransitionError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

const retryBaseMs = 1_000;
const retryCapMs = 4_000;

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore({ retryBaseMs, retryCapMs });
});
afterAll(() => setup.stop());

let made = 0;
let assessmentId: string;
beforeEach(() => {
  assessmentId = `retried ${++made}`;
});

async function processing(maxRetries: number, key = assessmentId): Promise<Assessment> {
  await setup.store.createAssessment({ assessmentId: key, type: 'HEALTH', maxRetries }, actor);
  return setup.store.startProcessing({ assessmentId: key }, actor);
}

const fail = (retryable?: boolean, key = assessmentId) =>
  setup.store.failAssessment({ assessmentId: key, error: 'broken', retryable }, actor);

describe('a failure with retries left', () => {
  test('goes back to PENDING, counted, with a time to wait, and without what the attempt had reached', async () => {
    await processing(2);
    await setup.store.updateProgress({ assessmentId, progress: 60, message: 'half' }, actor);
    const failed = await fail();
    expect(failed).toMatchObject({
      state: 'PENDING',
      retryCount: 1,
      progress: 0,
      message: null,
      errorMessage: 'broken',
      startedAt: null,
      completedAt: null,
    });
    expect(failed.nextRetryAt).toBeInstanceOf(Date);
    const again = await setup.store.startProcessing({ assessmentId }, actor);
    expect(again).toMatchObject({ state: 'PROCESSING', retryCount: 1, progress: 0, nextRetryAt: null, errorMessage: null });
    await expect(setup.store.updateProgress({ assessmentId, progress: 5 }, actor)).resolves.toMatchObject({ progress: 5 });
  });

  test('waits from nothing up to base * 2^retries, at most the cap', async () => {
    const keys = Array.from({ length: 60 }, (_, index) => `${assessmentId} ${index}`);
    await Promise.all(keys.map((key) => processing(4, key)));
    for (const longestMs of [1_000, 2_000, 4_000, 4_000]) {
      const failed = await Promise.all(keys.map((key) => fail(true, key)));
      const waits = failed.map(({ nextRetryAt, updatedAt }) => (nextRetryAt?.getTime() ?? Number.NaN) - updatedAt.getTime());
      // One statement may take some milliseconds from the time that it reckons with to the time that it stamps.
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(-1_000);
      expect(Math.max(...waits)).toBeLessThanOrEqual(longestMs + 1);
      expect(Math.max(...waits)).toBeGreaterThan(longestMs / 2);
      expect(Math.min(...waits)).toBeLessThan(longestMs / 2);
      await Promise.all(keys.map((key) => setup.store.startProcessing({ assessmentId: key }, actor)));
    }
  });

  test('ends as FAILED when the retries are used up', async () => {
    await processing(1);
    await expect(fail()).resolves.toMatchObject({ state: 'PENDING', retryCount: 1 });
    await setup.store.startProcessing({ assessmentId }, actor);
    const failed = await fail();
    expect(failed).toMatchObject({ state: 'FAILED', retryCount: 1, nextRetryAt: null, errorMessage: 'broken' });
    expect(failed.completedAt).toEqual(failed.updatedAt);
  });

  test('is no retry when it is said not to be retryable', async () => {
    await processing(5);
    await expect(fail(false)).resolves.toMatchObject({ state: 'FAILED', retryCount: 0 });
  });

  test('is audited with the error as its reason', async () => {
    await processing(1);
    await fail();
    const { items } = await setup.store.auditTrail(assessmentId, { last: 1 }, actor);
    expect(items[0]?.node).toMatchObject({
      oldState: 'PROCESSING',
      newState: 'PENDING',
      changeReason: 'broken',
      errorMessage: 'broken',
      retryCount: 1,
    });
  });
});

describe('a new round by retryAssessment', () => {
  test('leads from FAILED to PENDING at once, counted, and begins anew', async () => {
    await processing(0);
    await setup.store.updateProgress({ assessmentId, progress: 60, message: 'half' }, actor);
    await fail();
    const retried = await setup.store.retryAssessment({ assessmentId, reason: 'once more' }, actor);
    expect(retried).toMatchObject({
      state: 'PENDING',
      retryCount: 1,
      nextRetryAt: null,
      progress: 0,
      message: null,
      completedAt: null,
      startedAt: null,
    });
    const { items } = await setup.store.auditTrail(assessmentId, { last: 1 }, actor);
    expect(items[0]?.node).toMatchObject({ oldState: 'FAILED', newState: 'PENDING', changeReason: 'once more' });
  });

  test('can end as COMPLETED, with no error left', async () => {
    await processing(0);
    await fail();
    await setup.store.retryAssessment({ assessmentId }, actor);
    await setup.store.startProcessing({ assessmentId }, actor);
    const completed = await setup.store.completeAssessment({ assessmentId, result: { fine: true } }, actor);
    expect(completed).toMatchObject({ state: 'COMPLETED', progress: 100, errorMessage: null, retryCount: 1 });
  });

  test('is refused from every other state, also from PROCESSING', async () => {
    await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    const retry = () => setup.store.retryAssessment({ assessmentId }, actor);
    await expect(retry()).rejects.toMatchObject({ from: 'PENDING', to: 'PENDING' });
    await setup.store.startProcessing({ assessmentId }, actor);
    await expect(retry()).rejects.toMatchObject({ from: 'PROCESSING', to: 'PENDING' });
    await setup.store.completeAssessment({ assessmentId, result: {} }, actor);
    await expect(retry()).rejects.toBeInstanceOf(InvalidTransitionError);
  });
});

describe('progress', () => {
  test('never falls within an attempt; the same again changes nothing', async () => {
    await processing(0);
    const report = (progress: number, message?: string) => setup.store.updateProgress({ assessmentId, progress, message }, actor);
    await expect(report(50, 'half')).resolves.toMatchObject({ progress: 50, message: 'half', version: 3 });
    await expect(report(50)).resolves.toMatchObject({ progress: 50, message: 'half', version: 3 });
    await expect(report(50, 'still half')).resolves.toMatchObject({ message: 'still half', version: 4 });
    await expect(report(49)).rejects.toMatchObject({
      fields: [{ path: ['progress'], message: 'must not fall: it is 50 already, and 49 is less' }],
    });
    await expect(report(100)).resolves.toMatchObject({ progress: 100, state: 'PROCESSING' });
  });

  test('is taken only in PROCESSING', async () => {
    await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    const report = setup.store.updateProgress({ assessmentId, progress: 1 }, actor);
    await expect(report).rejects.toMatchObject({
      code: 'INVALID_TRANSITION',
      from: 'PENDING',
      message: expect.stringContaining('takes no progress'),
    });
  });
});

test('after all of it the audit trail is exact', async () => {
  expect(await findAuditFlaws(await setup.database.connect())).toEqual([]);
});
