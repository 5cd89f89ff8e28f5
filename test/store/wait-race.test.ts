import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

// A waiter that is missed would wait for the tick, which never comes within the test.
const reconcileMs = 3_600_000;

let tested: TestStore;
let other: AssessmentStore;
beforeAll(async () => {
  const redisUrl = inject('redisUrl') || undefined;
  tested = await startTestStore({ reconcileMs, redisUrl });
  other = await openStore({ databaseUrl: tested.database.url, log: tested.log, reconcileMs, redisUrl });
});
afterAll(async () => {
  await other.stop();
  await tested.stop();
});

/** Lets up to `most` turns of the event loop pass: from some microseconds to several milliseconds, about the time of a commit. */
async function someTurns(most: number): Promise<void> {
  for (let turns = Math.floor(Math.random() * most); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
}

async function processing(store: AssessmentStore, name: string, batch: number): Promise<string[]> {
  const ids = Array.from({ length: batch }, (_, number) => `${name}-${number}`);
  await Promise.all(ids.map((assessmentId) => store.createAssessment({ assessmentId, type: 'HEALTH' }, actor)));
  await Promise.all(ids.map((assessmentId) => store.startProcessing({ assessmentId }, actor)));
  return ids;
}

async function waited(store: AssessmentStore, assessmentId: string): Promise<string> {
  await someTurns(40);
  const { assessment, timedOut } = await store.waitForCompletion({ assessmentId, timeoutMs: 600_000 }, actor);
  return `${assessment.state} ${assessment.version} ${timedOut}`;
}

async function watched(store: AssessmentStore, assessmentId: string): Promise<string> {
  await someTurns(40);
  const versions: number[] = [];
  let state = '';
  for await (const { assessment } of await store.watchAssessment({ assessmentId }, actor)) {
    versions.push(assessment.version);
    state = assessment.state;
  }
  return `${state} ${versions.at(-1)} ${versions.every((version, index) => version > (versions[index - 1] ?? 0)) ? 'in order' : versions}`;
}

async function completed(store: AssessmentStore, assessmentId: string): Promise<void> {
  await someTurns(40);
  await store.completeAssessment({ assessmentId, result: {} }, actor);
}

/** Rounds of waits and watches through `waiting` against completions through `completing`, each round all at once. */
async function race(name: string, rounds: number, batch: number, waiting: AssessmentStore, completing: AssessmentStore): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const ids = await processing(completing, `${name}-${round}`, batch);
    const ends: string[] = [];
    const waits = ids.flatMap((id) => [waited(waiting, id), watched(waiting, id), watched(waiting, id)]);
    for (const wait of waits) wait.then((end) => ends.push(end)).catch((error: unknown) => ends.push(String(error)));
    await Promise.all(ids.map((id) => completed(completing, id)));
    await eventually('nobody is left waiting', () => ends.length === waits.length);
    expect(new Set(ends)).toEqual(new Set(['COMPLETED 3 false', 'COMPLETED 3 in order']));
  }
  expect(waiting.watching).toBe(0);
}

test('3,000 who begin to wait while the last change commits all learn of it', () => race('one', 4, 250, tested.store, tested.store));

describe.skipIf(inject('redisUrl') === '')('through another instance, over Redis', () => {
  test('1,500 who begin to wait while the last change commits all learn of it', () => race('many', 2, 250, other, tested.store));

  test('so do 900 who come one by one, each the first on a channel of Redis', () => race('few', 100, 3, other, tested.store));
});
