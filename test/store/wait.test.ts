import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NotFoundError, UnavailableError } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

// Without help from the tick: what a wait learns here, it learns from the hub.
let tested: TestStore;
beforeAll(async () => {
  tested = await startTestStore({ reconcileMs: 3_600_000 });
});
afterAll(() => tested.stop());

async function create(): Promise<string> {
  const assessmentId = randomUUID();
  await tested.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  return assessmentId;
}

const ways = {
  COMPLETED: (assessmentId: string) => tested.store.completeAssessment({ assessmentId, result: { ok: true } }, actor),
  FAILED: (assessmentId: string) => tested.store.failAssessment({ assessmentId, error: 'broken' }, actor),
  CANCELLED: (assessmentId: string) => tested.store.cancelAssessment({ assessmentId }, actor),
};

test('a wait that is aborted while it begins ends at once with the reason', async () => {
  const assessmentId = await create();
  const controller = new AbortController();
  const wait = tested.store.waitForCompletion({ assessmentId, timeoutMs: 5_000 }, actor, controller.signal);
  const begun = performance.now();
  controller.abort(new Error('the client is gone'));
  await expect(wait).rejects.toThrow('the client is gone');
  expect(performance.now() - begun).toBeLessThan(1_000);
  expect(tested.store.watching).toBe(0);
});

test.each(Object.entries(ways))('a wait that begins after %s has it at once, even with no time to wait', async (state, end) => {
  const assessmentId = await create();
  await tested.store.startProcessing({ assessmentId }, actor);
  await end(assessmentId);
  for (const timeoutMs of [0, 600_000])
    expect(await tested.store.waitForCompletion({ assessmentId, timeoutMs }, actor)).toMatchObject({
      assessment: { state, version: 3 },
      timedOut: false,
    });
  const watch = await tested.store.watchAssessment({ assessmentId }, actor);
  expect(await watch.next()).toMatchObject({ done: false, value: { kind: 'SNAPSHOT', assessment: { state } } });
  expect(await watch.next()).toEqual({ done: true, value: undefined });
  expect(tested.store.watching).toBe(0);
});

test.each(Object.entries(ways))('300 waits for one assessment all end with %s, and only then', async (state, end) => {
  const assessmentId = await create();
  let ended = 0;
  const waits = Array.from({ length: 300 }, () =>
    tested.store.waitForCompletion({ assessmentId, timeoutMs: 600_000 }, actor).finally(() => ended++),
  );
  await tested.store.startProcessing({ assessmentId }, actor);
  await tested.store.updateProgress({ assessmentId, progress: 50 }, actor);
  expect([ended, tested.store.watching]).toEqual([0, 300]);
  await end(assessmentId);
  for (const wait of waits) expect(await wait).toMatchObject({ assessment: { state, version: 4 }, timedOut: false });
  expect(tested.store.watching).toBe(0);
});

test('a wait whose time is up answers with the state of now, and leaves nothing behind', async () => {
  const assessmentId = await create();
  expect(await tested.store.waitForCompletion({ assessmentId, timeoutMs: 0 }, actor)).toMatchObject({
    assessment: { state: 'PENDING' },
    timedOut: true,
  });
  const wait = tested.store.waitForCompletion({ assessmentId, timeoutMs: 300 }, actor);
  await tested.store.startProcessing({ assessmentId }, actor);
  expect(await wait).toMatchObject({ assessment: { state: 'PROCESSING', version: 2 }, timedOut: true });
  expect(tested.store.watching).toBe(0);
});

test('a wait for what is not there, or is of another tenant, is refused and leaves nothing behind', async () => {
  const assessmentId = await create();
  const stranger = { ...actor, tenantId: 'another' };
  for (const asked of [
    tested.store.waitForCompletion({ assessmentId: 'nowhere' }, actor),
    tested.store.watchAssessment({ assessmentId: 'nowhere' }, actor),
    tested.store.waitForCompletion({ assessmentId }, stranger),
    tested.store.watchAssessment({ assessmentId }, stranger),
  ])
    expect(await refusalOf(asked)).toBeInstanceOf(NotFoundError);
  expect(tested.store.watching).toBe(0);
});

test('a change of one tenant is not shown to the watch of another on the same key', async () => {
  const assessmentId = await create();
  const stranger = { ...actor, tenantId: 'another' };
  await tested.store.createAssessment({ assessmentId, type: 'HEALTH' }, stranger);
  const watch = await tested.store.watchAssessment({ assessmentId, afterVersion: 1 }, stranger);
  await ways.CANCELLED(assessmentId);
  await tested.store.startProcessing({ assessmentId }, stranger);
  expect(await watch.next()).toMatchObject({ value: { kind: 'STARTED', assessment: { tenantId: 'another', version: 2 } } });
  await watch.return();
});

test('when the store stops, every wait and watch ends with an UnavailableError, and none begins', async () => {
  const own = await startTestStore();
  await own.store.createAssessment({ assessmentId: 'a', type: 'HEALTH' }, actor);
  const watch = await own.store.watchAssessment({ assessmentId: 'a', afterVersion: 1 }, actor);
  const ends = [watch.next(), own.store.waitForCompletion({ assessmentId: 'a' }, actor)].map(refusalOf);
  own.store.endWaits();
  for (const end of ends) expect(await end).toBeInstanceOf(UnavailableError);
  expect(await refusalOf(own.store.waitForCompletion({ assessmentId: 'a' }, actor))).toMatchObject({
    code: 'OVERLOADED',
    retryAfterMs: 1_000,
  });
  expect(own.store.watching).toBe(0);
  await own.stop();
});
