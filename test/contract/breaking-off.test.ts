import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Assessments, ClosedError } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { type Implementation, implementations } from './implementations.ts';

const worker = { workerId: 'w', claimTokens: [] };

/** Every method that is answered once, about the assessment with a key. */
const calls: [keyof Assessments, (service: Assessments, assessmentId: string, signal?: AbortSignal) => Promise<unknown>][] = [
  ['createAssessment', (service, _, signal) => service.createAssessment({ type: 'HEALTH' }, signal)],
  ['startProcessing', (service, assessmentId, signal) => service.startProcessing({ assessmentId }, signal)],
  ['updateProgress', (service, assessmentId, signal) => service.updateProgress({ assessmentId, progress: 1 }, signal)],
  ['completeAssessment', (service, assessmentId, signal) => service.completeAssessment({ assessmentId, result: {} }, signal)],
  ['failAssessment', (service, assessmentId, signal) => service.failAssessment({ assessmentId, error: 'x' }, signal)],
  ['cancelAssessment', (service, assessmentId, signal) => service.cancelAssessment({ assessmentId }, signal)],
  ['retryAssessment', (service, assessmentId, signal) => service.retryAssessment({ assessmentId }, signal)],
  ['claimAssessments', (service, _, signal) => service.claimAssessments({ workerId: 'w', types: ['SECURITY'], waitMs: 60_000 }, signal)],
  ['heartbeat', (service, _, signal) => service.heartbeat(worker, signal)],
  ['releaseAssessments', (service, _, signal) => service.releaseAssessments(worker, signal)],
  ['batchCreateAssessments', (service, _, signal) => service.batchCreateAssessments({ assessments: [{ type: 'HEALTH' }] }, signal)],
  ['batchUpdateProgress', (service, _, signal) => service.batchUpdateProgress({ updates: [] }, signal)],
  ['batchCompleteAssessments', (service, _, signal) => service.batchCompleteAssessments({ completions: [] }, signal)],
  ['batchRetryFailedAssessments', (service, _, signal) => service.batchRetryFailedAssessments({ maxRetries: 1 }, signal)],
  ['batchCancelAssessments', (service, _, signal) => service.batchCancelAssessments({ where: { priority: { eq: 1 } } }, signal)],
  ['cleanupOldAssessments', (service, _, signal) => service.cleanupOldAssessments({ retentionDays: 1 }, signal)],
  ['getState', (service, assessmentId, signal) => service.getState(assessmentId, signal)],
  ['waitForCompletion', (service, assessmentId, signal) => service.waitForCompletion({ assessmentId, timeoutMs: 60_000 }, signal)],
  ['listAssessments', (service, _, signal) => service.listAssessments({}, signal)],
  ['searchAssessments', (service, _, signal) => service.searchAssessments({ search: 'x' }, signal)],
  ['countAssessments', (service, _, signal) => service.countAssessments({}, signal)],
  ['auditTrail', (service, assessmentId, signal) => service.auditTrail(assessmentId, {}, signal)],
  ['getAssessmentStats', (service, _, signal) => service.getAssessmentStats({}, signal)],
  ['queueStatus', (service, _, signal) => service.queueStatus(signal)],
  ['getHealthStatus', (service, _, signal) => service.getHealthStatus(signal)],
  ['feedCursor', (service, _, signal) => service.feedCursor(signal)],
];
const iterators: ['watch' | 'feed', (service: Assessments, signal?: AbortSignal) => AsyncIterableIterator<unknown, undefined>][] = [
  ['watch', (service, signal) => service.watch('there', signal)],
  ['feed', (service, signal) => service.feed({}, signal)],
];
/** Those that wait, each until it is broken off. */
const waits = calls.filter(([name]) => name === 'waitForCompletion' || name === 'claimAssessments');

describe.each(implementations)('%s', (_, open) => {
  let implementation: Implementation;
  beforeAll(async () => {
    implementation = await open();
    for (const assessmentId of ['there', 'changed']) await implementation.service.createAssessment({ assessmentId, type: 'HEALTH' });
  });
  afterEach(() => eventually('every watch and feed is let go of', () => implementation.open() === 0));
  afterAll(() => implementation.stop());

  test('has no other methods than those that are tested here', () => {
    const named = [...calls.map(([name]) => name), ...iterators.map(([name]) => name), 'close'];
    for (const name of named) expect(implementation.service[name as keyof Assessments]).toBeTypeOf('function');
    expect(named).toHaveLength(29);
  });

  describe('with a signal that was aborted before', () => {
    test.each(calls)('%s does nothing and is rejected with its reason', async (__, call) => {
      const reason = new Error('before');
      expect(await refusalOf(call(implementation.service, 'there', AbortSignal.abort(reason)))).toBe(reason);
    });

    test.each(iterators)('%s is rejected by next()', async (__, iterate) => {
      const reason = new Error('before');
      const updates = iterate(implementation.service, AbortSignal.abort(reason));
      expect(await refusalOf(updates.next())).toBe(reason);
      expect(await updates.next()).toEqual({ done: true, value: undefined });
    });

    test('nothing was done', async () => {
      expect(await implementation.service.getState('there')).toMatchObject({ version: 1 });
      expect(await implementation.service.countAssessments()).toBe(2);
    });
  });

  describe('with a signal that is aborted meanwhile', () => {
    test.each(calls)('%s is rejected with its reason, or was answered', async (__, call) => {
      const [{ another }, controller] = [implementation, new AbortController()];
      const service = another();
      const outcome = call(service, 'changed', controller.signal).then(
        () => 'answered',
        (error: unknown) => error,
      );
      controller.abort('enough');
      expect(['enough', 'answered']).toContain(await outcome);
      await service.close();
    });

    test.each(waits)('%s is rejected while it waits', async (name, call) => {
      const controller = new AbortController();
      const waiting = call(implementation.service, 'there', controller.signal);
      if (name === 'waitForCompletion') await eventually('it waits', () => implementation.open() === 1);
      controller.abort('enough');
      expect(await refusalOf(waiting)).toBe('enough');
    });

    test.each(iterators)('the next() of %s that waits is rejected, once', async (__, iterate) => {
      const controller = new AbortController();
      const updates = iterate(implementation.service, controller.signal);
      await eventually('it is open', () => implementation.open() === 1);
      const waiting = (async () => {
        for await (const update of updates) expect(update).toMatchObject({ kind: 'SNAPSHOT' });
      })();
      controller.abort(new Error('enough'));
      expect(await refusalOf(waiting)).toEqual(new Error('enough'));
      expect(await updates.next()).toEqual({ done: true, value: undefined });
    });

    test.each(iterators)('%s that nobody reads is let go of, and tells the reason when it is read', async (__, iterate) => {
      const controller = new AbortController();
      const updates = iterate(implementation.service, controller.signal);
      await eventually('it is open', () => implementation.open() === 1);
      controller.abort('unread');
      await eventually('it is let go of', () => implementation.open() === 0);
      expect(await refusalOf(updates.next())).toBe('unread');
      expect(await updates.next()).toEqual({ done: true, value: undefined });
    });
  });

  test('calls and iterators that have ended leave nothing on their signal', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    for (const [method, change] of [['addEventListener', 1] as const, ['removeEventListener', -1] as const]) {
      const original = signal[method].bind(signal) as (...args: unknown[]) => void;
      Object.assign(signal, {
        [method]: (...args: unknown[]) => {
          listeners += change;
          original(...args);
        },
      });
    }
    await implementation.service.getState('there', signal);
    await implementation.service.waitForCompletion({ assessmentId: 'there', timeoutMs: 1 }, signal);
    await refusalOf(implementation.service.getState('none', signal));
    for (const [, iterate] of iterators) {
      const updates = iterate(implementation.service, signal);
      await updates.return?.();
    }
    expect(listeners).toBe(0);
  });

  describe('close()', () => {
    test('ends what waits with a ClosedError', async () => {
      const service = implementation.another();
      const waiting = waits.map(([, call]) => refusalOf(call(service, 'there')));
      const reading = iterators.map(([, iterate]) => {
        const updates = iterate(service);
        return refusalOf(
          (async () => {
            for await (const update of updates) expect(update).toMatchObject({ kind: 'SNAPSHOT' });
          })(),
        );
      });
      await eventually('all are open', () => implementation.open() === 3);
      await service.close();
      for (const error of await Promise.all([...waiting, ...reading])) {
        expect(error).toBeInstanceOf(ClosedError);
        expect(error).toMatchObject({ code: 'CLOSED' });
      }
    });

    test('may come twice, and while things are being opened', async () => {
      const service = implementation.another();
      const outcomes = [...waits.map(([, call]) => call(service, 'there')), ...iterators.map(([, iterate]) => iterate(service).next())].map(
        refusalOf,
      );
      await Promise.all([service.close(), service.close()]);
      for (const error of await Promise.all(outcomes)) expect(error).toBeInstanceOf(ClosedError);
      await service.close();
    });

    test('is the end of all: nothing is done any more', async () => {
      const service = implementation.another();
      await service.close();
      for (const [name, call] of calls) expect(await refusalOf(call(service, 'there')), name).toBeInstanceOf(ClosedError);
      for (const [name, iterate] of iterators) expect(await refusalOf(iterate(service).next()), name).toBeInstanceOf(ClosedError);
      expect(await implementation.service.getHealthStatus()).toMatchObject({ status: 'HEALTHY' });
    });
  });
});
