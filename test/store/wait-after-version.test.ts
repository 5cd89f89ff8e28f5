import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AssessmentStore, InvalidInputError, openStore } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let tested: TestStore;
let ticking: AssessmentStore;
let psql: Client;
beforeAll(async () => {
  tested = await startTestStore({ reconcileMs: 3_600_000 });
  ticking = await openStore({ databaseUrl: tested.database.url, log: tested.log, reconcileMs: 100 });
  psql = await tested.database.connect();
});
afterAll(async () => {
  await ticking.stop();
  await tested.stop();
});

/** An assessment at version 3: PROCESSING, half-way. */
async function halfWay(): Promise<string> {
  const assessmentId = randomUUID();
  await tested.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  await tested.store.startProcessing({ assessmentId }, actor);
  await tested.store.updateProgress({ assessmentId, progress: 50, message: 'half-way' }, actor);
  return assessmentId;
}

const watch = (assessmentId: string, afterVersion: number | null) => tested.store.watchAssessment({ assessmentId, afterVersion }, actor);
const fail = (assessmentId: string) => tested.store.failAssessment({ assessmentId, error: 'the disk is full' }, actor);
const complete = (assessmentId: string) => tested.store.completeAssessment({ assessmentId, result: {} }, actor);
const retry = (assessmentId: string) => tested.store.retryAssessment({ assessmentId }, actor);
const becomes = (state: string, assessmentId: string) =>
  psql.query('update assessment_states set state = $1 where assessment_id = $2', [state, assessmentId]);

test('who has seen the version of now gets no snapshot, but the next change', async () => {
  const assessmentId = await halfWay();
  const updates = await watch(assessmentId, 3);
  const next = updates.next();
  await complete(assessmentId);
  expect((await next).value).toMatchObject({ kind: 'COMPLETED', assessment: { version: 4 } });
  expect(await updates.next()).toEqual({ done: true, value: undefined });
});

test.each([null, 0, 1, 2])('who has seen version %s gets a snapshot of now, then what follows', async (afterVersion) => {
  const assessmentId = await halfWay();
  const updates = await watch(assessmentId, afterVersion);
  expect((await updates.next()).value).toMatchObject({ kind: 'SNAPSHOT', previousState: null, assessment: { version: 3, progress: 50 } });
  await complete(assessmentId);
  expect((await updates.next()).value).toMatchObject({ kind: 'COMPLETED', assessment: { version: 4 } });
});

test.each([4, 2 ** 31 - 1, -1, 1.5])('a version that cannot have been seen (%s) is refused by name', async (afterVersion) => {
  const refusal = await refusalOf(watch(await halfWay(), afterVersion));
  expect(refusal).toBeInstanceOf(InvalidInputError);
  expect(refusal).toMatchObject({ fields: [{ path: ['afterVersion'] }] });
  expect(tested.store.watching).toBe(0);
});

test('who has seen the end is done at once', async () => {
  const assessmentId = await halfWay();
  await complete(assessmentId);
  const updates = await watch(assessmentId, 4);
  expect(await updates.next()).toEqual({ done: true, value: undefined });
  expect(tested.store.watching).toBe(0);
});

const meanwhile: [string, (assessmentId: string) => Promise<unknown>][] = [
  ['is waiting again', async () => {}],
  ['is worked on again', (assessmentId) => tested.store.startProcessing({ assessmentId }, actor)],
];
test.each(meanwhile)('a failure that was missed while away is the end, although the assessment %s', async (_, goOn) => {
  for (const afterVersion of [1, 2, 3]) {
    const assessmentId = await halfWay();
    await fail(assessmentId);
    await retry(assessmentId);
    await goOn(assessmentId);
    const updates = await watch(assessmentId, afterVersion);
    const failure = { state: 'FAILED', version: 4, progress: 50, errorMessage: 'the disk is full', retryCount: 0, message: 'half-way' };
    const { value } = await updates.next();
    expect(value).toMatchObject({ assessment: failure });
    expect(value?.assessment.completedAt).toBeInstanceOf(Date);
    expect(await updates.next()).toEqual({ done: true, value: undefined });
  }
});

test('of several failures that were missed the first is the end', async () => {
  const assessmentId = await halfWay();
  for (let round = 0; round < 3; round++) {
    await fail(assessmentId);
    await retry(assessmentId);
    await tested.store.startProcessing({ assessmentId }, actor);
  }
  expect((await (await watch(assessmentId, 3)).next()).value).toMatchObject({ assessment: { state: 'FAILED', version: 4 } });
  expect((await (await watch(assessmentId, 4)).next()).value).toMatchObject({ assessment: { state: 'FAILED', version: 7 } });
});

test('who has seen the failure goes on with the new round', async () => {
  const assessmentId = await halfWay();
  await fail(assessmentId);
  await retry(assessmentId);
  const updates = await watch(assessmentId, 4);
  expect((await updates.next()).value).toMatchObject({ kind: 'SNAPSHOT', assessment: { state: 'PENDING', version: 5 } });
  await tested.store.startProcessing({ assessmentId }, actor);
  await complete(assessmentId);
  let last: number | undefined;
  for await (const { assessment } of updates) last = assessment.version;
  expect(last).toBe(7);
});

test('a failure and its retry by plain SQL, between two ticks, still end the watch as FAILED', async () => {
  const assessmentId = await halfWay();
  const updates = await ticking.watchAssessment({ assessmentId, afterVersion: 3 }, actor);
  const wait = ticking.waitForCompletion({ assessmentId }, actor);
  await psql.query('begin');
  await becomes('failed', assessmentId);
  await becomes('pending', assessmentId);
  await psql.query('commit');
  expect((await updates.next()).value).toMatchObject({
    kind: 'FAILED',
    previousState: 'PROCESSING',
    assessment: { version: 4, retryCount: 0 },
  });
  expect(await updates.next()).toEqual({ done: true, value: undefined });
  expect(await wait).toMatchObject({ assessment: { state: 'FAILED', version: 4 }, timedOut: false });
});

test('a failure that was missed is not hidden by the next change, which is heard of before any tick', async () => {
  const assessmentId = await halfWay();
  const updates = await watch(assessmentId, 3);
  await becomes('failed', assessmentId);
  await retry(assessmentId);
  expect((await updates.next()).value).toMatchObject({ kind: 'FAILED', assessment: { version: 4 } });
  expect(await updates.next()).toEqual({ done: true, value: undefined });
});

test('a retry by itself is no end: the watch goes on, also when the retry was missed', async () => {
  const assessmentId = randomUUID();
  await tested.store.createAssessment({ assessmentId, type: 'HEALTH', maxRetries: 2 }, actor);
  await tested.store.startProcessing({ assessmentId }, actor);
  const updates = await watch(assessmentId, 2);
  await psql.query("update assessment_states set state = 'pending', next_retry_at = now() where assessment_id = $1", [assessmentId]);
  await tested.store.startProcessing({ assessmentId }, actor);
  expect((await updates.next()).value).toMatchObject({ kind: 'STARTED', assessment: { version: 4, retryCount: 1 } });
  await complete(assessmentId);
  expect((await updates.next()).value).toMatchObject({ kind: 'COMPLETED', assessment: { version: 5 } });
});
