import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AssessmentStore, NotFoundError, openStore, type StoreOptions } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { FeedReader } from '../support/feed-reader.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, noteForeground, startTestStore, type TestStore } from '../support/test-store.ts';

/** A tick that does not come within the test, in milliseconds. */
const never = 3_600_000;
/** Whose assessments nobody watches. */
const stranger = { tenantId: 'stranger', subject: 'stranger' };

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore({ reconcileMs: never });
  psql = await setup.database.connect();
});
afterAll(() => setup.stop());
afterEach(() => void vi.useRealTimers());

/** Another instance, which no bus tells of anything. */
async function openAnother(options: Partial<StoreOptions>): Promise<{ store: AssessmentStore; statements: string[] }> {
  const statements: string[] = [];
  const store = await openStore({
    databaseUrl: setup.database.url,
    log: new TestLog(),
    onStatement: noteForeground(statements),
    ...options,
  });
  onTestFinished(() => store.stop());
  return { store, statements };
}

async function begun(): Promise<string> {
  const assessmentId = randomUUID();
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  await setup.store.startProcessing({ assessmentId }, actor);
  return assessmentId;
}
const complete = (assessmentId: string) => setup.store.completeAssessment({ assessmentId, result: {} }, actor);
const asked = (statements: readonly string[]) => statements.map((sql) => /\/\* (\w+)/.exec(sql)?.[1]);

describe('a watch in an instance that reads the log for feeds', () => {
  test('is told of what was lost before the first feed began, without a tick', async () => {
    const { store } = await openAnother({ reconcileMs: never });
    const assessmentId = await begun();
    const watch = await store.watchAssessment({ assessmentId, afterVersion: 2 }, actor);
    await complete(assessmentId);
    const feed = await store.feedAssessments({}, stranger);
    expect((await watch.next()).value).toMatchObject({ kind: 'COMPLETED', assessment: { version: 3 } });
    await feed.return();
  });

  test('is told of it by the next tick where the database was away just then', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const proxy = await TcpProxy.before(setup.database.url);
    const log = new TestLog();
    const { store } = await openAnother({
      ...{ databaseUrl: proxy.through(setup.database.url), reconcileMs: 5_000, log },
      onStatement: (sql) => void (sql.includes('enterLog') && proxy.cut()),
    });
    const assessmentId = await begun();
    const watch = await store.watchAssessment({ assessmentId, afterVersion: 2 }, actor);
    await complete(assessmentId);
    await store.feedAssessments({}, stranger);
    await eventually('it was cut', () => log.lines.some(({ message }) => message.includes('could not be compared')));
    await proxy.restore();
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await watch.next()).value).toMatchObject({ kind: 'COMPLETED', assessment: { version: 3 } });
    await store.stop();
    await proxy.stop();
  });

  test('is told by the log alone of what the bus has lost, step by step', async () => {
    const { store, statements } = await openAnother({ reconcileMs: 50 });
    const feed = await FeedReader.open(store, stranger);
    const assessmentId = await begun();
    const watch = await store.watchAssessment({ assessmentId, afterVersion: 2 }, actor);
    await setup.store.updateProgress({ assessmentId, progress: 10 }, actor);
    expect((await watch.next()).value).toMatchObject({ kind: 'PROGRESS', assessment: { version: 3 } });
    statements.length = 0;
    await setup.store.updateProgress({ assessmentId, progress: 20 }, actor);
    expect((await watch.next()).value).toMatchObject({ kind: 'PROGRESS', assessment: { version: 4 } });
    await complete(assessmentId);
    expect((await watch.next()).value).toMatchObject({ kind: 'COMPLETED', assessment: { version: 5 } });
    expect(new Set(asked(statements))).toEqual(new Set(['readFresh']));
    await feed.stop();
  });

  test('gets the end that lies before a retry as its last update', async () => {
    const { store } = await openAnother({ reconcileMs: 50 });
    const feed = await FeedReader.open(store, stranger);
    const assessmentId = await begun();
    const watch = await store.watchAssessment({ assessmentId, afterVersion: 2 }, actor);
    await psql.query('begin');
    for (const state of ['failed', 'pending', 'processing']) {
      await psql.query('update assessment_states set state = $1::assessment_state where assessment_id = $2', [state, assessmentId]);
    }
    await psql.query('commit');
    expect((await watch.next()).value).toMatchObject({ kind: 'FAILED', assessment: { version: 3 } });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    await feed.stop();
  });

  test('ends with NotFoundError where its assessment is deleted, also one that is deleted after others with later rows', async () => {
    const { store } = await openAnother({ reconcileMs: 50 });
    const feed = await FeedReader.open(store, stranger);
    const [first, later] = [await begun(), await begun()];
    const watches = await Promise.all(
      [later, first].map((assessmentId) => store.watchAssessment({ assessmentId, afterVersion: 2 }, actor)),
    );
    for (const [index, assessmentId] of [later, first].entries()) {
      const end = refusalOf(watches[index]?.next() ?? expect.fail());
      await psql.query('begin');
      await psql.query(`update assessment_states set state = 'cancelled' where assessment_id = $1`, [assessmentId]);
      await psql.query('delete from assessment_states where assessment_id = $1', [assessmentId]);
      await psql.query('commit');
      expect(await end).toBeInstanceOf(NotFoundError);
    }
    await feed.stop();
    expect(feed.error).toBeUndefined();
    expect(store.watching).toBe(0);
  });
});

describe('an instance where nothing happens', () => {
  const ticks = 6;

  /** What it asks the database in some ticks, each of which comes when the one before has been answered. */
  async function askedInTicks(open: (store: AssessmentStore) => Promise<unknown>): Promise<(string | undefined)[]> {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { store, statements } = await openAnother({ reconcileMs: 5_000, maintenanceMs: never });
    await open(store);
    await eventually('what that began with is done', async () => {
      statements.length = 0;
      await vi.advanceTimersByTimeAsync(5_000);
      await eventually('the tick is done', () => statements.length > 0);
      await store.queueStatus(actor);
      return statements.length === 2;
    });
    statements.length = 0;
    for (let tick = 1; tick <= ticks; tick++) {
      await vi.advanceTimersByTimeAsync(5_000);
      await eventually('the tick is done', () => statements.length >= tick);
    }
    await store.queueStatus(actor); // time for whatever else might come
    return asked(statements).filter((name) => name !== 'readQueueStatus');
  }
  const many = 50;
  const openFeeds = (store: AssessmentStore) =>
    Promise.all(
      Array.from({ length: many }, (_, index) =>
        FeedReader.open(store, index % 2 === 0 ? actor : stranger, { where: { progress: { gte: index } } }),
      ),
    );
  const openWatches = async (store: AssessmentStore) => {
    const ids = await Promise.all(Array.from({ length: many }, () => begun()));
    await Promise.all(ids.map((assessmentId) => store.watchAssessment({ assessmentId }, actor)));
  };

  test('asks once a tick for all feeds', async () => {
    expect(await askedInTicks(openFeeds)).toEqual(Array.from({ length: ticks }, () => 'readFresh'));
  });

  test('asks once a tick for all watches', async () => {
    expect(await askedInTicks(openWatches)).toEqual(Array.from({ length: ticks }, () => 'changesSince'));
  });

  test('asks once a tick for both together', async () => {
    const both = async (store: AssessmentStore) => {
      await openWatches(store);
      await openFeeds(store);
    };
    expect(await askedInTicks(both)).toEqual(Array.from({ length: ticks }, () => 'readFresh'));
  });

  test('asks nothing where nobody waits', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { store, statements } = await openAnother({ reconcileMs: 5_000, maintenanceMs: never });
    const feed = await store.feedAssessments({}, actor);
    await feed.return();
    statements.length = 0;
    for (let tick = 1; tick <= ticks; tick++) await vi.advanceTimersByTimeAsync(5_000);
    await store.queueStatus(actor);
    expect(asked(statements)).toEqual(['readQueueStatus']);
  });
});

test('thousands of watches that begin one after another share their reads', async () => {
  const { store, statements } = await openAnother({ reconcileMs: never });
  const ids = await Promise.all(Array.from({ length: 20 }, begun));
  const begins: Promise<unknown>[] = [];
  for (let turn = 0; turn < 200; turn++) {
    for (const assessmentId of ids.slice(0, 10)) begins.push(store.watchAssessment({ assessmentId, afterVersion: 2 }, actor));
    await new Promise(setImmediate);
  }
  await Promise.all(begins);
  expect(store.watching).toBe(2_000);
  expect(statements.length).toBeLessThan(100);
  expect(new Set(asked(statements))).toEqual(new Set(['readByKeys']));
});
