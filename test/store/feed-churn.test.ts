import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { changesSince } from '../../src/store/changes-since.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { Feed, type FeedAssessments } from '../../src/store/feed.ts';
import { FeedLog } from '../../src/store/feed-log.ts';
import type { FeedEntry } from '../../src/store/feed-window.ts';
import { Hub } from '../../src/store/hub.ts';
import { type Actor, type AssessmentFilter, UnavailableError, updateCursor } from '../../src/store/index.ts';
import { versionOf } from '../support/feed-reader.ts';
import { refusalOf, settle } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let db: Database;
beforeAll(async () => {
  setup = await startTestStore({ reconcileMs: 3_600_000 });
  db = openDatabase({ url: setup.database.url });
});
afterAll(async () => {
  await db.$disconnect();
  await setup.stop();
});

/** How often the log has asked to be told of what other processes change, less how often it has asked not to be. */
let attached: number;
let log: FeedLog;
let actor: Actor;
beforeEach(() => {
  attached = 0;
  const bus = {
    attachChanges: async () => {
      attached++;
      await new Promise(setImmediate);
    },
    detachChanges: () => void attached--,
  };
  const hub = new Hub({ changesSince: (known) => changesSince(db, known), log: new TestLog() });
  log = new FeedLog({ db, bus, hub, log: new TestLog(), windowEntries: 20 });
  actor = { tenantId: randomUUID(), subject: 'tester' };
});

const open = (input: FeedAssessments = {}) => Feed.open(log, input, actor.tenantId);
async function create(assessmentId: string): Promise<void> {
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  log.hint();
}

function expectNothingLeft(): void {
  expect({ feeds: log.size, filters: log.filters.size, attached }).toEqual({ feeds: 0, filters: 0, attached: 0 });
}

const filters: AssessmentFilter[] = [
  {},
  { assessmentId: { startsWith: 'row' } },
  { not: { assessmentId: { eq: 'x' } } },
  { progress: { lte: 100 } },
];

/** What happens while feeds come and go, in this order; it goes on until all have been told of as much as they wait for. */
const story = Array.from({ length: 300 }, (_, index) => `row-${index}`);

/** Reads some of a feed, and leaves: at once, after some updates, or while it waits for another one. */
async function visit(index: number, known: readonly FeedEntry[]): Promise<void> {
  const start = known.length === 0 || index % 3 === 0 ? 0 : index % known.length;
  const after = index % 3 === 0 ? '0' : index % 3 === 1 && start > 0 ? updateCursor(known[start - 1] as FeedEntry) : undefined;
  const feed = await open({ where: filters[index % filters.length], after });
  const told: FeedEntry[] = [];
  const wanted = index % 7;
  while (told.length < wanted) {
    const next = feed.next();
    if (index % 5 === 0 && told.length > 1) void feed.return(); // somebody hangs up while it waits
    const { value } = await next;
    if (value === undefined) break;
    told.push(value);
  }
  await feed.return();
  expect(await feed.next()).toEqual({ done: true, value: undefined });
  const names = told.map(({ assessment: { assessmentId } }) => assessmentId);
  const first = after === undefined ? story.indexOf(names[0] ?? '') : start;
  expect(names).toEqual(names.length > 0 ? story.slice(first, first + names.length) : []);
}

describe('feeds that come and go', () => {
  test('while things happen: each is told right, and in the end nothing is left of them', async () => {
    const stays = await open();
    const known: FeedEntry[] = [];
    const visits: Promise<{ errors: unknown[] }>[] = [];
    for (const [index, assessmentId] of [...story].entries()) {
      await create(assessmentId);
      visits.push(settle([visit(index, [...known])]));
      if (index % 2 === 0) known.push((await stays.next()).value ?? expect.fail('it ended'));
    }
    let haveLeft = false;
    const left = Promise.all(visits).finally(() => {
      haveLeft = true;
    });
    while (!haveLeft) {
      story.push(`row-${story.length}`);
      await create(story.at(-1) ?? '');
    }
    expect((await left).flatMap(({ errors }) => errors)).toEqual([]);
    while (known.length < story.length) known.push((await stays.next()).value ?? expect.fail('it ended'));
    expect(known.map(({ assessment: { assessmentId } }) => assessmentId)).toEqual(story);
    expect({ feeds: log.size, filters: log.filters.size, attached }).toEqual({ feeds: 1, filters: 1, attached: 1 });
    await stays.return();
    expectNothingLeft();
  });

  test('the last of which leaves while another comes: that one is told of everything', async () => {
    let leaving = await open();
    for (let round = 0; round < 150; round++) {
      const coming = open();
      for (let turn = 0; turn < round % 15; turn++) await (round % 2 === 0 ? Promise.resolve() : new Promise(setImmediate));
      await leaving.return();
      leaving = await coming;
      const next = leaving.next();
      await create(`after-${round}`);
      expect(versionOf((await next).value ?? expect.fail('it ended'))).toBe(`after-${round} 1`);
    }
    await leaving.return();
    expectNothingLeft();
  });

  test('beside changes that commit while they are being opened: each brings all from some moment on', async () => {
    for (let round = 0; round < 40; round++) {
      const [feed] = await Promise.all([open(), create(`beside-${round}`)]);
      await create(`mark-${round}`);
      const told: string[] = [];
      while (told.at(-1) !== `mark-${round} 1`) told.push(versionOf((await feed.next()).value ?? expect.fail('it ended')));
      expect([[`mark-${round} 1`], [`beside-${round} 1`, `mark-${round} 1`]]).toContainEqual(told);
      await feed.return();
    }
    expectNothingLeft();
  });

  test('that are refused leave nothing', async () => {
    await refusalOf(open({ where: { state: { eq: 'NONE' as never } } }));
    await refusalOf(open({ after: 'nonsense' }));
    expectNothingLeft();
  });

  test('when the store stops, all end, also those that are just coming, and no more are let in', async () => {
    const feeds = await Promise.all([open(), open({ after: '0' })]);
    const waiting = feeds.map((feed) => refusalOf(feed.next()));
    const coming = Array.from({ length: 20 }, (_, index) => open(index % 2 === 0 ? {} : { after: '0' }));
    const outcomes = Promise.all(coming.map(refusalOf));
    await new Promise(setImmediate);
    log.endFeeds();
    for (const error of [...(await Promise.all(waiting)), ...(await outcomes), await refusalOf(open())]) {
      expect(error).toBeInstanceOf(UnavailableError);
    }
    await log.stop();
    expectNothingLeft();
  });
});
