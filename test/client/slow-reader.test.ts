import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { FeedUpdateView } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await startClientBench();
});
afterEach(() => bench.rest());
afterAll(() => bench.stop());

test('a feed that is not read lets go of its subscription, and goes on where it was when it is read: nothing is missing', async () => {
  const direct = bench.direct();
  const feed = bench.remote({ feedBuffer: 5 }).feed({ after: await direct.feedCursor() });
  await eventually('it is open', () => bench.open() === 1);
  const keys = Array.from({ length: 400 }, (_, n) => `slow-${String(n).padStart(3, '0')}`);
  for (const assessmentId of keys) await direct.createAssessment({ assessmentId, type: 'HEALTH' });
  await eventually('it has let go', () => bench.open() === 0);
  const seen: string[] = [];
  while (seen.length < keys.length) {
    seen.push(((await feed.next()).value as FeedUpdateView).assessment.assessmentId);
  }
  expect(seen).toEqual(keys);
  const next = feed.next();
  await direct.createAssessment({ assessmentId: 'slow-last', type: 'HEALTH' });
  expect((await next).value?.assessment.assessmentId).toBe('slow-last');
  await feed.return?.();
});

test('while it rests it can be given up, and then it does not begin again', async () => {
  const direct = bench.direct();
  const client = bench.remote({ feedBuffer: 1 });
  const feed = client.feed({ after: await direct.feedCursor() });
  await eventually('it is open', () => bench.open() === 1);
  for (let n = 0; n < 5; n++) await direct.createAssessment({ type: 'HEALTH' });
  await eventually('it has let go', () => bench.open() === 0);
  // Reading the last that was kept would make it begin again.
  const last = feed.next();
  await feed.return?.();
  await last;
  expect(await feed.next()).toEqual({ done: true, value: undefined });
  const watch = client.watch((await direct.createAssessment({ type: 'HEALTH' })).assessment.assessmentId);
  await watch.next(); // by now whatever had begun before it would be open, too
  expect(bench.open()).toBe(1);
  await watch.return?.();
});

test('fifteen hundred watches share two sockets', async () => {
  const [direct, client] = [bench.direct(), bench.fronted()];
  const results = await direct.batchCreateAssessments({
    assessments: Array.from({ length: 1_500 }, () => ({ type: 'SECURITY' as const })),
  });
  const keys = results.map((result) => (result instanceof Error ? '' : result.assessment.assessmentId));
  const waits = keys.map((assessmentId) => client.waitForCompletion({ assessmentId, timeoutMs: 3_600_000 }));
  await eventually('all are watched', () => bench.open() === 1_500, 30_000);
  expect(bench.front.sockets.size).toBe(2);
  await direct.batchCancelAssessments({ where: { type: { eq: 'SECURITY' } }, limit: 10_000 });
  const states = (await Promise.all(waits)).map(({ assessment }) => assessment.state);
  expect(new Set(states)).toEqual(new Set(['CANCELLED']));
  await eventually('both are closed when nothing is watched any more', () => bench.front.sockets.size === 0);
});
