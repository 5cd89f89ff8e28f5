import { afterAll, beforeAll, expect, test } from 'vitest';
import { AssessmentCache } from '../../src/store/cache.ts';
import { changesSince } from '../../src/store/changes-since.ts';
import { Hub } from '../../src/store/hub.ts';
import { readByKeys } from '../../src/store/read-assessments.ts';
import { Waiting } from '../../src/store/wait.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let tested: TestStore;
beforeAll(async () => {
  tested = await startTestStore();
});
afterAll(() => tested.stop());

/** Waiting as the store has it, but for what happens in the moment after an assessment was read. */
function waitingWhere(afterRead: () => Promise<unknown>): Waiting {
  const { database: db } = tested.store;
  const log = tested.log;
  return new Waiting({
    hub: new Hub({ changesSince: (known) => changesSince(db, known), log }),
    cache: new AssessmentCache({ entries: 0, log }),
    read: async (key) => {
      const [assessment] = await readByKeys(db, [key]);
      await afterRead();
      return assessment;
    },
    changesSince: (known) => changesSince(db, known),
  });
}

test('who comes back after a failure that was tried again, while that ends, is told the end and nothing after the failure', async () => {
  const { store } = tested;
  const assessmentId = 'ends meanwhile';
  await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  await store.startProcessing({ assessmentId }, actor);
  await store.failAssessment({ assessmentId, error: 'once', retryable: false }, actor);
  await store.retryAssessment({ assessmentId }, actor);
  await store.startProcessing({ assessmentId }, actor);
  const waiting = waitingWhere(() => store.completeAssessment({ assessmentId, result: {} }, actor));
  const watch = await waiting.watch({ assessmentId, afterVersion: 1 }, actor);
  expect((await watch.next()).value).toMatchObject({ assessment: { state: 'COMPLETED', version: 6 } });
  expect(await watch.next()).toEqual({ done: true, value: undefined });
});
