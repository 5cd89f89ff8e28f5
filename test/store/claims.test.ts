import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Assessment, ClaimLostError } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore({ maintenanceMs: 3_600_000 });
  psql = await setup.database.connect();
});
afterAll(() => setup.stop());

let made = 0;
let assessmentId: string;
let token: string;
beforeEach(async () => {
  assessmentId = `claimed ${++made}`;
  token = randomUUID();
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH', maxRetries: 1 }, actor);
});

const claim = (expires: string) =>
  psql.query(
    `update assessment_states set state = 'processing', claimed_by = 'worker-1', claim_token = $2, claimed_at = now() - interval '1 hour',
      claim_expires_at = now() + $3::interval where assessment_id = $1`,
    [assessmentId, token, expires],
  );

type Report = (claimToken?: string | null) => Promise<Assessment>;
const reports: [string, Report, string][] = [
  ['progress', (claimToken) => setup.store.updateProgress({ assessmentId, progress: 10, claimToken }, actor), 'PROCESSING'],
  ['completion', (claimToken) => setup.store.completeAssessment({ assessmentId, result: {}, claimToken }, actor), 'COMPLETED'],
  ['failure', (claimToken) => setup.store.failAssessment({ assessmentId, error: 'no', retryable: false, claimToken }, actor), 'FAILED'],
  ['failure with retries left', (claimToken) => setup.store.failAssessment({ assessmentId, error: 'no', claimToken }, actor), 'PENDING'],
];

describe.each(reports)('a report of %s on a claimed assessment', (_, report, state) => {
  test('passes with the token of the claim', async () => {
    await claim('1 minute');
    await expect(report(token)).resolves.toMatchObject({ state, version: 3 });
  });

  test('passes with the same token in capitals', async () => {
    await claim('1 minute');
    await expect(report(token.toUpperCase())).resolves.toMatchObject({ state });
  });

  test.each([
    ['another token', '1 minute', () => randomUUID()],
    ['no token', '1 minute', () => undefined],
    ['null for a token', '1 minute', () => null],
    ['the right token after the lease has run out', '-1 second', () => token],
  ])('is refused with %s, and changes nothing', async (__, expires, tokenOf) => {
    await claim(expires);
    const before = await setup.store.getState(assessmentId, actor);
    const error = await refusalOf(report(tokenOf()));
    expect(error).toBeInstanceOf(ClaimLostError);
    expect(error).toMatchObject({ code: 'CLAIM_LOST', assessment: { assessmentId, claimedBy: 'worker-1', version: 2 } });
    expect(await setup.store.getState(assessmentId, actor)).toEqual(before);
  });

  test('is refused with a token when nobody holds the assessment', async () => {
    await setup.store.startProcessing({ assessmentId }, actor);
    await expect(report(token)).rejects.toMatchObject({ code: 'CLAIM_LOST', message: expect.stringContaining('nobody holds it now') });
    await expect(report()).resolves.toMatchObject({ state });
  });
});

test('the end of an attempt ends the claim, and the token is nowhere to be read', async () => {
  await claim('1 minute');
  const completed = await setup.store.completeAssessment({ assessmentId, result: {}, claimToken: token }, actor);
  expect(completed).toMatchObject({ claimedBy: null, claimedAt: null, claimExpiresAt: null });
  const read = await setup.store.getState(assessmentId, actor);
  const { items } = await setup.store.auditTrail(assessmentId, {}, actor);
  const told = JSON.stringify([completed, read, items], (_, value) => (typeof value === 'bigint' ? String(value) : value));
  expect(told).not.toContain(token);
  expect(items.map(({ node }) => node.claimedBy)).toEqual([null, 'worker-1', null]);
});

test('a claimed assessment may be cancelled by anybody: the worker is told when it reports next', async () => {
  await claim('1 minute');
  await expect(setup.store.cancelAssessment({ assessmentId }, actor)).resolves.toMatchObject({ state: 'CANCELLED', claimedBy: null });
  await expect(setup.store.updateProgress({ assessmentId, progress: 1, claimToken: token }, actor)).rejects.toBeInstanceOf(ClaimLostError);
});

test('a token that is none is refused by its name', async () => {
  const report = setup.store.updateProgress({ assessmentId, progress: 1, claimToken: 'mine' }, actor);
  await expect(report).rejects.toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['claimToken'] }] });
});
