import { expect, test } from 'vitest';
import type { Assessment } from '../../src/store/assessment.ts';
import { Hub } from '../../src/store/hub.ts';
import type { AssessmentState } from '../../src/store/lifecycle.ts';
import { updateOf } from '../../src/store/updates.ts';
import { Watch } from '../../src/store/watch.ts';
import { TestLog } from '../support/test-log.ts';

const key = { tenantId: 'default', assessmentId: 'a' };

/** The assessment at a version. */
function at(version: number, state: AssessmentState, retryCount = 0): Assessment {
  const now = new Date(0);
  return {
    ...{ ...key, id: 'a', type: 'HEALTH', source: 'API', serverName: null, errorMessage: null, message: null, progress: 0, priority: 5 },
    ...{ version, state, retryCount, maxRetries: 0, nextRetryAt: null, timeoutMs: null, claimedBy: null, claimedAt: null },
    ...{ claimExpiresAt: null, createdAt: now, updatedAt: now, startedAt: null, completedAt: null },
  };
}

const updateAt = (version: number, state: AssessmentState, previous: AssessmentState, retryCount = 0) =>
  updateOf(at(version, state, retryCount), previous);

async function read(watch: Watch): Promise<[number, AssessmentState][]> {
  const seen: [number, AssessmentState][] = [];
  for await (const { assessment } of watch) seen.push([assessment.version, assessment.state]);
  return seen;
}

test('an end that came before the beginning, and was retried before it, does not hide the next end', async () => {
  const watch = new Watch(key, () => {});
  watch.offer(updateAt(4, 'FAILED', 'PROCESSING'));
  watch.offer(updateAt(7, 'COMPLETED', 'PROCESSING', 1));
  watch.begin(at(5, 'PENDING', 1));
  const reading = read(watch);
  watch.fail(new Error('nothing more will come'));
  expect(await reading).toEqual([
    [5, 'PENDING'],
    [7, 'COMPLETED'],
  ]);
});

test('what was offered out of order before the beginning is read at its newest', async () => {
  const watch = new Watch(key, () => {});
  watch.offer(updateAt(5, 'PROCESSING', 'PROCESSING'));
  watch.offer(updateAt(4, 'PROCESSING', 'PROCESSING'));
  watch.begin(at(3, 'PROCESSING'));
  await watch.next();
  expect(await watch.next()).toMatchObject({ value: { assessment: { version: 5 } } });
});

test('of two watches that know different versions, the one behind meets the end that it missed, in whatever order it is found', async () => {
  const found = [updateAt(6, 'PROCESSING', 'PENDING', 1), updateAt(4, 'FAILED', 'PROCESSING')];
  const hub = new Hub({ changesSince: async () => ({ updates: found, gone: [] }), log: new TestLog() });
  const behind = await hub.attach(key);
  behind.begin(at(3, 'PROCESSING'), 3);
  const ahead = await hub.attach(key);
  ahead.begin(at(5, 'PENDING', 1), 5);
  await hub.runOnce();
  expect(await behind.next()).toMatchObject({ value: { kind: 'FAILED', assessment: { version: 4 } } });
  expect(await ahead.next()).toMatchObject({ value: { kind: 'STARTED', assessment: { version: 6 } } });
  await ahead.return();
  expect(hub.size).toBe(0);
});
