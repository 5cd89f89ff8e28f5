import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AlreadyExistsError,
  type Assessments,
  ClaimLostError,
  InvalidTransitionError,
  NotFoundError,
  VersionConflictError,
} from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
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

  const create = async (input: { maxRetries?: number } = {}): Promise<string> =>
    (await service.createAssessment({ type: 'HEALTH', ...input })).assessment.assessmentId;

  test('creates once under a key, whoever repeats it', async () => {
    const input = { assessmentId: 'once', type: 'SECURITY' as const, metadata: { ticket: 1 }, timestamp: new Date(1e12) };
    const answers = await Promise.all(Array.from({ length: 10 }, () => service.createAssessment(input)));
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(answers.map(({ assessment }) => assessment)).toEqual(Array(10).fill(await viewOf('once')));
    const taken = await refusalOf(service.createAssessment({ ...input, metadata: { ticket: 2 } }));
    expect(taken).toBeInstanceOf(AlreadyExistsError);
    expect(taken).toMatchObject({ code: 'ALREADY_EXISTS', assessment: await viewOf('once') });
    expect(await service.getState('once')).toMatchObject({ requestData: { ...input, timestamp: '2001-09-09T01:46:40.000Z' } });
  });

  const viewOf = async (assessmentId: string) => {
    const { requestData: _request, resultData: _result, ...view } = await service.getState(assessmentId);
    return view;
  };

  test('makes a key where none is given', async () => {
    const { assessment, created } = await service.createAssessment({ type: 'HEALTH' });
    expect(created).toBe(true);
    expect(assessment.assessmentId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test('leads an assessment from its start to its end, and gives it after each change', async () => {
    const assessmentId = await create();
    const started = await service.startProcessing({ assessmentId, expectedVersion: 1 });
    expect(started).toMatchObject({ state: 'PROCESSING', version: 2, startedAt: expect.any(Date) });
    const half = await service.updateProgress({ assessmentId, progress: 50, message: 'half' });
    expect(half).toEqual({ ...started, version: 3, progress: 50, message: 'half', updatedAt: half.updatedAt });
    const again = await service.updateProgress({ assessmentId, progress: 50 });
    expect(again).toEqual(half);
    const completed = await service.completeAssessment({ assessmentId, result: { score: 98, list: [null, 1.5] } });
    expect(completed).toMatchObject({ state: 'COMPLETED', version: 4, progress: 100, completedAt: expect.any(Date) });
    expect(completed).toEqual(await viewOf(assessmentId));
    expect((await service.getState(assessmentId)).resultData).toEqual({ score: 98, list: [null, 1.5] });
    const { items } = await service.auditTrail(assessmentId);
    expect(items.map(({ node }) => `${node.versionFrom} ${node.oldState} -> ${node.versionTo} ${node.newState} ${node.progress}`)).toEqual([
      'null null -> 1 PENDING 0',
      '1 PENDING -> 2 PROCESSING 0',
      '2 PROCESSING -> 3 PROCESSING 50',
      '3 PROCESSING -> 4 COMPLETED 100',
    ]);
  });

  test('fails, tries again by itself, fails for good, and begins another round', async () => {
    const assessmentId = await create({ maxRetries: 1 });
    await service.startProcessing({ assessmentId });
    const waiting = await service.failAssessment({ assessmentId, error: 'no route' });
    expect(waiting).toMatchObject({ state: 'PENDING', retryCount: 1, nextRetryAt: expect.any(Date), errorMessage: 'no route' });
    await service.startProcessing({ assessmentId });
    expect(await service.failAssessment({ assessmentId, error: 'still none', retryable: false })).toMatchObject({ state: 'FAILED' });
    expect(await service.retryAssessment({ assessmentId, reason: 'the route is back' })).toMatchObject({ state: 'PENDING', retryCount: 2 });
    const { items } = await service.auditTrail(assessmentId, { last: 1 });
    expect(items[0]?.node).toMatchObject({ oldState: 'FAILED', newState: 'PENDING', changeReason: 'the route is back' });
  });

  test('of many who want different ends, one wins, and the others are told the state that won', async () => {
    const assessmentId = await create();
    await service.startProcessing({ assessmentId });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (__, n) =>
        n % 2 === 0 ? service.completeAssessment({ assessmentId, result: { n } }) : service.cancelAssessment({ assessmentId }),
      ),
    );
    const [winner] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(refusals).toHaveLength(11);
    for (const refusal of refusals) {
      expect(refusal).toBeInstanceOf(InvalidTransitionError);
      expect(refusal).toMatchObject({ code: 'INVALID_TRANSITION', from: winner?.state, allowed: [], assessment: winner });
    }
  });

  test('refuses what does not fit, and says how it stands', async () => {
    const assessmentId = await create();
    const pending = await viewOf(assessmentId);
    const early = await refusalOf(service.completeAssessment({ assessmentId, result: {} }));
    expect(early).toBeInstanceOf(InvalidTransitionError);
    expect(early).toMatchObject({ from: 'PENDING', to: 'COMPLETED', allowed: ['PROCESSING', 'CANCELLED'], assessment: pending });
    const stale = await refusalOf(service.startProcessing({ assessmentId, expectedVersion: 7 }));
    expect(stale).toBeInstanceOf(VersionConflictError);
    expect(stale).toMatchObject({ code: 'VERSION_CONFLICT', expectedVersion: 7, assessment: pending });
    await service.startProcessing({ assessmentId });
    const unheld = await refusalOf(service.updateProgress({ assessmentId, progress: 1, claimToken: noToken }));
    expect(unheld).toBeInstanceOf(ClaimLostError);
    expect(unheld).toMatchObject({ code: 'CLAIM_LOST', assessment: await viewOf(assessmentId) });
    for (const call of [service.startProcessing, service.cancelAssessment, service.retryAssessment])
      expect(await refusalOf(call({ assessmentId: 'none' }))).toEqual(new NotFoundError('none'));
    expect(await refusalOf(service.getState('none'))).toEqual(new NotFoundError('none'));
    expect(await refusalOf(service.auditTrail('none'))).toEqual(new NotFoundError('none'));
  });

  test('what an input has too much makes no difference: a whole assessment can stand for its key', async () => {
    const { assessment } = await service.createAssessment({ type: 'SECURITY', options: { deepScan: true, colour: 'red' } as never });
    const { requestData } = await service.getState(assessment.assessmentId);
    expect(requestData['options']).toMatchObject({ deepScan: true });
    expect(requestData['options']).not.toHaveProperty('colour');
    expect(await service.cancelAssessment({ ...assessment, expectedVersion: 1 })).toMatchObject({ state: 'CANCELLED', version: 2 });
    const { assessment: other } = await service.createAssessment({ type: 'HEALTH' });
    const started = await service.startProcessing(other);
    const [reported] = await service.batchUpdateProgress({ updates: [{ ...started, progress: 10 }] });
    expect(reported).toMatchObject({ version: 3, progress: 10 });
  });

  test('methods can be taken off the object', async () => {
    const { createAssessment, getState } = service;
    const { assessment } = await createAssessment({ type: 'HEALTH' });
    expect((await getState(assessment.assessmentId)).version).toBe(1);
  });
});
