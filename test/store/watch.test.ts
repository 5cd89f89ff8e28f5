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

test('of two ends that came before the beginning the first counts', async () => {
  const watch = new Watch(key, () => {});
  watch.offer(updateAt(4, 'FAILED', 'PROCESSING'));
  watch.offer(updateAt(7, 'FAILED', 'PROCESSING', 1));
  watch.begin(at(3, 'PROCESSING'));
  expect(await read(watch)).toEqual([
    [3, 'PROCESSING'],
    [4, 'FAILED'],
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

const watching = (): Watch => {
  const watch = new Watch(key, () => {});
  watch.begin(at(3, 'PROCESSING'));
  return watch;
};

test('a reader that does not read costs two places, however much happens: the state at the beginning and the newest', async () => {
  const watch = watching();
  for (let version = 4; version <= 10_003; version++) watch.offer(updateAt(version, 'PROCESSING', 'PROCESSING'));
  watch.fail(new Error('nothing more will come'));
  const kinds: unknown[] = [];
  await expect(
    (async () => {
      for await (const { kind, assessment } of watch) kinds.push([kind, assessment.version]);
    })(),
  ).rejects.toThrow('nothing more will come');
  expect(kinds).toEqual([
    ['SNAPSHOT', 3],
    ['PROGRESS', 10_003],
  ]);
});

test('offers before the beginning cost two places too, and are read after the snapshot', async () => {
  const watch = new Watch(key, () => {});
  for (let version = 2; version <= 10_001; version++) watch.offer(updateAt(version, 'PROCESSING', 'PROCESSING'));
  watch.offer(updateAt(10_002, 'COMPLETED', 'PROCESSING'));
  watch.begin(at(3, 'PROCESSING'));
  expect(await read(watch)).toEqual([
    [3, 'PROCESSING'],
    [10_002, 'COMPLETED'],
  ]);
});

test('updates are read in order of versions: what comes late, or twice, is left out', async () => {
  const watch = watching();
  await watch.next();
  const seen: (number | undefined)[] = [];
  for (const version of [4, 6, 5, 6, 3, 7]) {
    watch.offer(updateAt(version, 'PROCESSING', 'PROCESSING'));
    if (version !== 4 && version !== 7) continue;
    seen.push((await watch.next()).value?.assessment.version);
  }
  watch.offer(updateAt(8, 'CANCELLED', 'PROCESSING'));
  expect(seen).toEqual([4, 7]);
  expect(await read(watch)).toEqual([[8, 'CANCELLED']]);
});

test.each(['COMPLETED', 'FAILED', 'CANCELLED'] as const)('%s is the last update, and nothing later takes its place', async (state) => {
  const watch = watching();
  watch.offer(updateAt(4, 'PROCESSING', 'PROCESSING'));
  watch.offer(updateAt(5, state, 'PROCESSING'));
  watch.offer(updateAt(6, 'PENDING', 'FAILED', 1));
  watch.offer(updateAt(9, 'COMPLETED', 'PROCESSING', 1));
  watch.fail(new Error('too late to matter'));
  expect(await read(watch)).toEqual([
    [3, 'PROCESSING'],
    [5, state],
  ]);
  expect(await watch.next()).toEqual({ done: true, value: undefined });
});

test('a watch that begins at the end gives the end and is done', async () => {
  const watch = new Watch(key, () => {});
  watch.begin(at(3, 'CANCELLED'));
  expect(await read(watch)).toEqual([[3, 'CANCELLED']]);
});

test('return() ends a next() that is waiting, drops what is pending, and detaches once', async () => {
  let detached = 0;
  const watch = new Watch(key, () => void detached++);
  watch.begin(at(3, 'PROCESSING'), 3);
  const waiting = watch.next();
  await expect(watch.next()).rejects.toThrow('one reader');
  await watch.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  watch.offer(updateAt(4, 'PROCESSING', 'PROCESSING'));
  await watch.return();
  expect(await watch.next()).toEqual({ done: true, value: undefined });
  expect(detached).toBe(1);

  const unread = watching();
  unread.offer(updateAt(4, 'COMPLETED', 'PROCESSING'));
  await unread.return();
  expect(await read(unread)).toEqual([]);
});

test('breaking off a loop over a watch detaches it', async () => {
  let detached = 0;
  const watch = new Watch(key, () => void detached++);
  watch.begin(at(3, 'PROCESSING'));
  for await (const { kind } of watch) {
    expect([kind, detached]).toEqual(['SNAPSHOT', 0]);
    break;
  }
  expect(detached).toBe(1);
});

test('fail() rejects a next() that is waiting, once; after it the watch is done', async () => {
  const watch = new Watch(key, () => {});
  watch.begin(at(3, 'PROCESSING'), 3);
  const waiting = watch.next();
  watch.fail(new Error('broken'));
  watch.fail(new Error('broken again'));
  await expect(waiting).rejects.toThrow(/^broken$/);
  expect(await watch.next()).toEqual({ done: true, value: undefined });
});
