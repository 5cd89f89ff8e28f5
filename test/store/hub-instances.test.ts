import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type AssessmentStore, NotFoundError, openStore } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

/** A tick that does not come within the test, in milliseconds. */
const never = 3_600_000;

let tested: TestStore;
const others: AssessmentStore[] = [];
let psql: Client;
beforeAll(async () => {
  tested = await startTestStore();
  psql = await tested.database.connect();
});
afterAll(async () => {
  for (const other of others) await other.stop();
  await tested.stop();
});

async function openAnother(options: { reconcileMs: number; redisUrl?: string }): Promise<AssessmentStore> {
  const store = await openStore({ databaseUrl: tested.database.url, log: tested.log, ...options });
  others.push(store);
  return store;
}

async function create(store: AssessmentStore): Promise<string> {
  const assessmentId = randomUUID();
  await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  return assessmentId;
}

/** Every step is seen by a watch of `watching` before the next is made by `changing`. */
async function everyStepIsSeen(changing: AssessmentStore, watching: AssessmentStore): Promise<void> {
  const assessmentId = await create(changing);
  const wait = watching.waitForCompletion({ assessmentId, timeoutMs: 600_000 }, actor);
  const watch = await watching.watchAssessment({ assessmentId }, actor);
  expect((await watch.next()).value).toMatchObject({ kind: 'SNAPSHOT', assessment: { state: 'PENDING', version: 1 } });
  await changing.startProcessing({ assessmentId }, actor);
  expect((await watch.next()).value).toMatchObject({ kind: 'STARTED', previousState: 'PENDING', assessment: { version: 2 } });
  const reported = await changing.updateProgress({ assessmentId, progress: 40, message: 'halfway' }, actor);
  const progress = (await watch.next()).value;
  expect(progress).toMatchObject({ kind: 'PROGRESS', previousState: 'PROCESSING' });
  expect(progress?.assessment).toEqual(reported);
  const ended = await changing.completeAssessment({ assessmentId, result: {} }, actor);
  expect((await watch.next()).value).toMatchObject({ kind: 'COMPLETED', previousState: 'PROCESSING', assessment: ended });
  expect(await watch.next()).toEqual({ done: true, value: undefined });
  expect(await wait).toEqual({ assessment: ended, timedOut: false });
  expect(watching.watching).toBe(0);
}

describe.skipIf(inject('redisUrl') === '')('two instances with one Redis', () => {
  test('each sees the changes of the other by the bus, long before the tick', async () => {
    const options = { reconcileMs: never, redisUrl: inject('redisUrl') };
    const [one, two] = [await openAnother(options), await openAnother(options)];
    await everyStepIsSeen(one, two);
    await everyStepIsSeen(two, one);
  });

  test('those of another database share nothing, although the Redis is one', async () => {
    const redisUrl = inject('redisUrl');
    const stranger = await startTestStore({ redisUrl });
    const here = await openAnother({ reconcileMs: never, redisUrl });
    const assessmentId = await create(here);
    await stranger.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    const watch = await here.watchAssessment({ assessmentId, afterVersion: 1 }, actor);
    await stranger.store.cancelAssessment({ assessmentId }, actor);
    await here.startProcessing({ assessmentId }, actor);
    expect((await watch.next()).value).toMatchObject({ kind: 'STARTED', assessment: { version: 2 } });
    await watch.return();
    await stranger.stop();
  });
});

test('without Redis an instance sees the changes of another by its tick', async () => {
  await everyStepIsSeen(await openAnother({ reconcileMs: never }), await openAnother({ reconcileMs: 100 }));
});

test('a change by plain SQL is seen by the tick', async () => {
  const store = await openAnother({ reconcileMs: 100 });
  const assessmentId = await create(store);
  const watch = await store.watchAssessment({ assessmentId, afterVersion: 1 }, actor);
  await psql.query("update assessment_states set state = 'processing' where assessment_id = $1", [assessmentId]);
  expect((await watch.next()).value).toMatchObject({ kind: 'STARTED', previousState: 'PENDING', assessment: { version: 2 } });
  const wait = store.waitForCompletion({ assessmentId }, actor);
  await psql.query(`update assessment_states set state = 'completed', result_data = '{"by": "psql"}' where assessment_id = $1`, [
    assessmentId,
  ]);
  expect((await watch.next()).value).toMatchObject({ kind: 'COMPLETED', assessment: { version: 3, progress: 100 } });
  expect(await wait).toMatchObject({ assessment: { state: 'COMPLETED' }, timedOut: false });
});

test('an assessment that is deleted by SQL while it is watched ends its watches with NotFoundError', async () => {
  const store = await openAnother({ reconcileMs: 100 });
  const [assessmentId, kept] = [await create(store), await create(store)];
  const watch = await store.watchAssessment({ assessmentId, afterVersion: 1 }, actor);
  const unbothered = await store.watchAssessment({ assessmentId: kept, afterVersion: 1 }, actor);
  const ends = [watch.next(), store.waitForCompletion({ assessmentId }, actor)].map(refusalOf);
  await psql.query('begin');
  await psql.query("update assessment_states set state = 'cancelled' where assessment_id = $1", [assessmentId]);
  await psql.query('delete from assessment_states where assessment_id = $1', [assessmentId]);
  await psql.query('commit');
  for (const end of ends) expect(await end).toBeInstanceOf(NotFoundError);
  expect(store.watching).toBe(1);
  await store.startProcessing({ assessmentId: kept }, actor);
  expect((await unbothered.next()).value).toMatchObject({ kind: 'STARTED' });
  await unbothered.return();
});
