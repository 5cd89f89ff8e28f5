import { afterAll, beforeAll, expect, test } from 'vitest';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let tested: TestStore;
beforeAll(async () => {
  tested = await startTestStore();
});
afterAll(() => tested.stop());

test('a wait that is aborted while it begins ends at once with the reason', async () => {
  await tested.store.createAssessment({ assessmentId: 'early', type: 'HEALTH' }, actor);
  const controller = new AbortController();
  const wait = tested.store.waitForCompletion({ assessmentId: 'early', timeoutMs: 5_000 }, actor, controller.signal);
  const begun = performance.now();
  controller.abort(new Error('the client is gone'));
  await expect(wait).rejects.toThrow('the client is gone');
  expect(performance.now() - begun).toBeLessThan(1_000);
});
