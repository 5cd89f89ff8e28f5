import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

let service: TestApp;
let other: TestApp;
beforeAll(async () => {
  service = await startTestApp({ RECONCILE_MS: 60_000 });
  other = await startTestApp({ RECONCILE_MS: 100 }, service.database);
});
afterAll(async () => {
  await other.stop();
  await service.stop();
});

interface Update {
  kind: string;
  previousState: string | null;
  cursor: string;
  assessment: {
    state: string;
    version: number;
    progress: number;
    terminal: boolean;
    resultData: object | null;
    durationMs: number | null;
    options: object;
    auditTrail: { nodes: { versionTo: number; newState: string; reason: string | null }[] };
    latest: { nodes: { versionTo: number }[] };
  };
}

const document = `subscription ($id: String!, $after: Int) { assessmentUpdated(assessmentId: $id, afterVersion: $after) {
  kind previousState cursor assessment { state version progress terminal resultData durationMs options { deepScan }
    auditTrail(first: 50) { nodes { versionTo newState reason } } latest: auditTrail(last: 1) { nodes { versionTo } } } } }`;

async function create(): Promise<string> {
  const assessmentId = randomUUID();
  await service.app.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  return assessmentId;
}

/** Reads the updates by hand, so that a test makes the next change after it has seen the last; each is checked to be complete. */
function follow(id: string, after?: number, from = service): { next: () => Promise<Update | undefined> } {
  const events = from.connect().iterate<{ assessmentUpdated: Update }>({ query: document, variables: { id, after } });
  return {
    next: async () => {
      const { value } = await events.next();
      expect(value?.errors).toBeUndefined();
      return value?.data?.assessmentUpdated;
    },
  };
}

test('a subscription begins with the state of now, tells of each change in order, and completes by itself after the end', async () => {
  const assessmentId = await create();
  const { store } = service.app;
  const updates = follow(assessmentId);
  expect(await updates.next()).toMatchObject({ kind: 'SNAPSHOT', previousState: null, assessment: { state: 'PENDING', version: 1 } });
  await store.startProcessing({ assessmentId }, actor);
  expect(await updates.next()).toMatchObject({
    kind: 'STARTED',
    previousState: 'PENDING',
    assessment: { state: 'PROCESSING', version: 2 },
  });
  await store.updateProgress({ assessmentId, progress: 70 }, actor);
  expect(await updates.next()).toMatchObject({ kind: 'PROGRESS', assessment: { progress: 70, version: 3, terminal: false } });
  await store.failAssessment({ assessmentId, error: 'broken' }, actor);
  expect(await updates.next()).toMatchObject({ kind: 'FAILED', assessment: { version: 4, terminal: true } });
  expect(await updates.next()).toBeUndefined();
  expect(store.watching).toBe(0);
});

test.each([
  ['of its own instance', () => service],
  ['of another instance', () => other],
] as const)('no event shows stale data after a change %s: result, audit trail, and what is computed', async (_, watching) => {
  const assessmentId = await create();
  const { store } = service.app;
  const updates = follow(assessmentId, undefined, watching());
  const changes = [
    async () => {},
    () => store.startProcessing({ assessmentId }, actor),
    () => store.updateProgress({ assessmentId, progress: 50 }, actor),
    () => store.completeAssessment({ assessmentId, result: { score: 7 } }, actor),
  ];
  const states = ['PENDING', 'PROCESSING', 'PROCESSING', 'COMPLETED'];
  for (const [index, change] of changes.entries()) {
    await change();
    const update = await updates.next();
    expect(update?.assessment).toMatchObject({ state: states[index], version: index + 1, options: { deepScan: false } });
    expect(update?.assessment.auditTrail.nodes.map(({ newState }) => newState)).toEqual(states.slice(0, index + 1));
    expect(update?.assessment.latest.nodes).toEqual([{ versionTo: index + 1 }]);
    expect(update?.assessment.resultData).toEqual(index === 3 ? { score: 7 } : null);
    expect(update?.assessment.durationMs === null).toBe(index < 3);
  }
  expect(await updates.next()).toBeUndefined();
});

test('names of updates are all different, and the same for every subscriber', async () => {
  const assessmentId = await create();
  const [one, two] = [follow(assessmentId), follow(assessmentId)];
  const first = [await one.next(), await two.next()];
  await service.app.store.cancelAssessment({ assessmentId, reason: 'no longer wanted' }, actor);
  const second = [await one.next(), await two.next()];
  expect(first[0]?.cursor).toBe(first[1]?.cursor);
  expect(second[0]?.cursor).toBe(second[1]?.cursor);
  expect(first[0]?.cursor).not.toBe(second[0]?.cursor);
  expect(second[0]?.assessment.auditTrail.nodes.at(-1)).toMatchObject({ newState: 'CANCELLED', reason: 'no longer wanted' });
});

test('a client that went away goes on after the version that it has seen', async () => {
  const assessmentId = await create();
  const { store } = service.app;
  await store.startProcessing({ assessmentId }, actor);
  const behind = follow(assessmentId, 1);
  expect(await behind.next()).toMatchObject({ kind: 'SNAPSHOT', assessment: { version: 2 } });
  const even = follow(assessmentId, 2);
  const next = even.next();
  const completed = store.completeAssessment({ assessmentId, result: {} }, actor);
  expect(await next).toMatchObject({ kind: expect.stringMatching(/SNAPSHOT|COMPLETED/), assessment: { state: 'COMPLETED', version: 3 } });
  await completed;
  expect(await even.next()).toBeUndefined();
  expect(await follow(assessmentId, 3).next()).toBeUndefined();
});

test('a failure that was missed while away, and is being tried again, is delivered as FAILED and ends the stream', async () => {
  const assessmentId = await create();
  const { store } = service.app;
  await store.startProcessing({ assessmentId }, actor);
  await store.failAssessment({ assessmentId, error: 'broken' }, actor);
  await store.retryAssessment({ assessmentId }, actor);
  const updates = follow(assessmentId, 2);
  expect(await updates.next()).toMatchObject({ assessment: { state: 'FAILED', version: 3, terminal: true } });
  expect(await updates.next()).toBeUndefined();
});
