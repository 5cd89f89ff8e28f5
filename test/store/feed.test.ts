import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CursorExpiredError, type FeedAssessments, type FeedEntry, InvalidInputError, updateCursor } from '../../src/store/index.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let test_: TestStore;
beforeAll(async () => {
  test_ = await startTestStore({ reconcileMs: 3_600_000, feedBuffer: 100 });
});
afterAll(() => test_.stop());

let count = 0;
const create = async (server = 'web-1') => {
  const { assessment } = await test_.store.createAssessment(
    { assessmentId: `feed-${++count}`, type: 'HEALTH', source: 'API', serverName: server },
    actor,
  );
  return assessment.assessmentId;
};
const lifecycle = async (server?: string) => {
  const assessmentId = await create(server);
  await test_.store.startProcessing({ assessmentId }, actor);
  await test_.store.updateProgress({ assessmentId, progress: 40, message: 'half' }, actor);
  await test_.store.completeAssessment({ assessmentId, result: { ok: true } }, actor);
  return assessmentId;
};
const open = (input: FeedAssessments = {}) => test_.store.feedAssessments(input, actor);
const told = ({ kind, assessment: { assessmentId, version } }: FeedEntry) => `${assessmentId} ${version} ${kind}`;
const story = (id: string) => [`${id} 1 CREATED`, `${id} 2 STARTED`, `${id} 3 PROGRESS`, `${id} 4 COMPLETED`];

async function read(feed: AsyncIterator<FeedEntry>, many: number): Promise<FeedEntry[]> {
  const entries: FeedEntry[] = [];
  while (entries.length < many) {
    const next = await feed.next();
    if (next.done) break;
    entries.push(next.value);
  }
  return entries;
}

describe('a feed', () => {
  test('brings every change from now on, with the assessment as it was', async () => {
    await lifecycle();
    const feed = await open();
    const id = await lifecycle();
    const entries = await read(feed, 4);
    await feed.return();
    expect(entries.map(told)).toEqual(story(id));
    expect(entries.map(({ assessment }) => assessment.progress)).toEqual([0, 0, 40, 100]);
    expect(entries[2]?.assessment).toMatchObject({
      state: 'PROCESSING',
      message: 'half',
      completedAt: null,
      serverName: 'web-1',
      priority: 5,
    });
    expect(entries[2]?.assessment.startedAt).toEqual(entries[1]?.assessment.updatedAt);
    expect(entries[3]?.assessment.completedAt).toEqual(entries[3]?.assessment.updatedAt);
    expect(await test_.store.getState(id, actor)).toMatchObject({ ...entries[3]?.assessment });
  });

  test('goes on after any cursor, live or replayed, with the very same updates', async () => {
    const feed = await open();
    for (let n = 0; n < 5; n++) await lifecycle();
    const live = await read(feed, 20);
    await feed.return();
    for (const [index, entry] of live.entries()) {
      const resumed = await open({ after: updateCursor(entry) });
      const rest = await read(resumed, 20 - index - 1);
      expect(rest.map(({ assessment, kind, previousState }) => ({ assessment, kind, previousState }))).toEqual(
        live.slice(index + 1).map(({ assessment, kind, previousState }) => ({ assessment, kind, previousState })),
      );
      await resumed.return();
    }
    const resumed = await open({ after: updateCursor(live[19] as FeedEntry) });
    const next = resumed.next();
    const id = await create();
    expect(told((await next).value as FeedEntry)).toBe(`${id} 1 CREATED`);
    await resumed.return();
  });

  test('replays everything after "0", then goes on live', async () => {
    const feed = await open({ after: '0' });
    const { rows } = await (await test_.database.connect()).query(
      'select assessment_id, version_to from assessment_state_audit order by seq',
    );
    const entries = await read(feed, rows.length);
    expect(entries.map(({ assessment }) => `${assessment.assessmentId} ${assessment.version}`)).toEqual(
      rows.map(({ assessment_id, version_to }) => `${assessment_id} ${version_to}`),
    );
    const id = await lifecycle();
    expect((await read(feed, 4)).map(told)).toEqual(story(id));
    await feed.return();
  });

  test('skips no change of a transaction that began early and commits late', async () => {
    const feed = await open();
    const slow = await test_.database.connect();
    const first = await create();
    expect((await read(feed, 1)).map(told)).toEqual([`${first} 1 CREATED`]);
    await slow.query('begin');
    await slow.query("update assessment_states set message = 'late' where assessment_id = $1", [first]);
    const second = await create();
    const [seen] = await read(feed, 1);
    expect(told(seen as FeedEntry)).toBe(`${second} 1 CREATED`);
    await slow.query('commit');
    const third = await create();
    expect((await read(feed, 2)).map(told)).toEqual([`${first} 2 PROGRESS`, `${third} 1 CREATED`]);
    const resumed = await open({ after: updateCursor(seen as FeedEntry) });
    expect((await read(resumed, 2)).map(told)).toEqual([`${first} 2 PROGRESS`, `${third} 1 CREATED`]);
    await Promise.all([feed.return(), resumed.return()]);
  });

  test('says once of an assessment that it no longer matches', async () => {
    const feed = await open({ where: { state: { eq: 'PROCESSING' }, serverName: { eq: 'db-1' } } });
    await lifecycle('web-2');
    const id = await lifecycle('db-1');
    const other = await lifecycle('db-1');
    expect((await read(feed, 6)).map(told)).toEqual([...story(id).slice(1), ...story(other).slice(1)]);
    await feed.return();
  });

  test('that falls behind the window reads from the database, and gets everything', async () => {
    const feed = await open();
    const ids = [];
    for (let n = 0; n < 60; n++) ids.push(await lifecycle());
    expect((await read(feed, 240)).map(told)).toEqual(ids.flatMap(story));
    const id = await lifecycle();
    expect((await read(feed, 4)).map(told)).toEqual(story(id));
    await feed.return();
  });

  test('is refused when what followed its cursor has been deleted', async () => {
    const feed = await open();
    const id = await lifecycle();
    const [first, , , last] = await read(feed, 4);
    await feed.return();
    await (await test_.database.connect()).query('delete from assessment_states where assessment_id = $1', [id]);
    await expect(open({ after: updateCursor(first as FeedEntry) })).rejects.toThrow(CursorExpiredError);
    const next = await create();
    const resumed = await open({ after: updateCursor(last as FeedEntry) });
    expect((await read(resumed, 1)).map(told)).toEqual([`${next} 1 CREATED`]);
    await resumed.return();
  });

  test.each([
    ['nonsense'],
    [''],
    ['1'],
    [updateCursor({ kind: 'SNAPSHOT', previousState: null, assessment: { id: 'x', version: 1 } as never })],
  ])('is refused for the cursor %j', async (after) => {
    await expect(open({ after })).rejects.toThrow(InvalidInputError);
    expect(test_.store.feeding).toBe(0);
  });

  test('costs no statement while nothing happens', async () => {
    const feed = await open();
    test_.statements.length = 0;
    const next = feed.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(test_.statements).toEqual([]);
    await create();
    await next;
    expect(test_.statements.filter((sql) => /readFresh|readLog/.test(sql))).toHaveLength(1);
    await feed.return();
  });
});
