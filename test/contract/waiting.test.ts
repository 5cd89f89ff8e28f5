import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Assessments, CursorExpiredError, type FeedUpdateView, NotFoundError, type UpdateView } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { type Implementation, implementations } from './implementations.ts';

describe.each(implementations)('%s', (_, open) => {
  let implementation: Implementation;
  let service: Assessments;
  beforeAll(async () => {
    implementation = await open();
    service = implementation.service;
  });
  afterEach(() => eventually('every watch and feed is let go of', () => implementation.open() === 0));
  afterAll(() => implementation.stop());

  let count = 0;
  const create = async (input: { serverName?: string; maxRetries?: number } = {}): Promise<string> => {
    const { assessment } = await service.createAssessment({ assessmentId: `waited-${++count}`, type: 'HEALTH', ...input });
    return assessment.assessmentId;
  };
  const finish = async (assessmentId: string): Promise<void> => {
    await service.startProcessing({ assessmentId });
    await service.completeAssessment({ assessmentId, result: {} });
  };
  const isWatched = (): Promise<unknown> => eventually('it is watched', () => implementation.open() > 0);

  async function readAll<Value>(updates: AsyncIterable<Value>): Promise<Value[]> {
    const values: Value[] = [];
    for await (const value of updates) values.push(value);
    return values;
  }
  async function read<Value>(updates: AsyncIterator<Value>, many: number): Promise<Value[]> {
    const values: Value[] = [];
    while (values.length < many) values.push((await updates.next()).value as Value);
    return values;
  }
  const storyOf = (updates: UpdateView[]): string[] =>
    updates.map(({ kind, previousState, assessment }) => `${assessment.version} ${kind} ${previousState} ${assessment.state}`);
  const told = ({ kind, assessment: { assessmentId, version } }: FeedUpdateView): string => `${assessmentId} ${version} ${kind}`;
  const lifeOf = (id: string): string[] => [`${id} 1 CREATED`, `${id} 2 STARTED`, `${id} 3 COMPLETED`];

  describe('waitForCompletion', () => {
    test('resolves as soon as it has ended', async () => {
      const assessmentId = await create();
      const waiting = service.waitForCompletion({ assessmentId, timeoutMs: 60_000 });
      await isWatched();
      await finish(assessmentId);
      const { assessment, timedOut } = await waiting;
      expect({ timedOut, state: assessment.state }).toEqual({ timedOut: false, state: 'COMPLETED' });
      const { requestData: _request, resultData: _result, ...view } = await service.getState(assessmentId);
      expect(assessment).toEqual(view);
    });

    test('of what has ended long ago resolves at once, also without waiting', async () => {
      const assessmentId = await create();
      await service.cancelAssessment({ assessmentId });
      for (const timeoutMs of [undefined, null, 0, 1, 600_000, 600_001, 86_400_000_000]) {
        const { assessment, timedOut } = await service.waitForCompletion({ assessmentId, timeoutMs });
        expect({ timedOut, state: assessment.state }).toEqual({ timedOut: false, state: 'CANCELLED' });
      }
    });

    test('says that the time is up, and where it stands', async () => {
      const assessmentId = await create();
      await service.startProcessing({ assessmentId });
      for (const timeoutMs of [0, 30]) {
        const { assessment, timedOut } = await service.waitForCompletion({ assessmentId, timeoutMs });
        expect({ timedOut, state: assessment.state, version: assessment.version }).toEqual({
          ...{ timedOut: true, state: 'PROCESSING', version: 2 },
        });
      }
    });

    test('may be longer than ten minutes', async () => {
      const assessmentId = await create();
      const waiting = service.waitForCompletion({ assessmentId, timeoutMs: 7 * 86_400_000 });
      await isWatched();
      await finish(assessmentId);
      expect(await waiting).toMatchObject({ timedOut: false, assessment: { state: 'COMPLETED' } });
    });

    test('of what there is not is refused, however long the wait', async () => {
      for (const timeoutMs of [0, 1_000, 3_600_000])
        expect(await refusalOf(service.waitForCompletion({ assessmentId: 'none', timeoutMs }))).toEqual(new NotFoundError('none'));
    });

    test('of a hundred at once', async () => {
      const ids = await Promise.all(Array.from({ length: 100 }, () => create()));
      const waits = ids.map((assessmentId) => service.waitForCompletion({ assessmentId, timeoutMs: 60_000 }));
      await eventually('all are watched', () => implementation.open() === 100);
      await Promise.all(ids.map((assessmentId) => service.cancelAssessment({ assessmentId })));
      for (const { assessment, timedOut } of await Promise.all(waits)) {
        expect({ state: assessment.state, timedOut }).toEqual({ state: 'CANCELLED', timedOut: false });
      }
    });
  });

  describe('watch', () => {
    test('begins with the state it has, and ends with its end', async () => {
      const assessmentId = await create({ serverName: 'web-1' });
      const updates = service.watch(assessmentId);
      const seen = await read(updates, 1);
      await service.startProcessing({ assessmentId });
      seen.push(...(await read(updates, 1)));
      await service.updateProgress({ assessmentId, progress: 40, message: 'half' });
      seen.push(...(await read(updates, 1)));
      await service.completeAssessment({ assessmentId, result: {} });
      seen.push(...(await readAll(updates)));
      expect(storyOf(seen)).toEqual([
        '1 SNAPSHOT null PENDING',
        '2 STARTED PENDING PROCESSING',
        '3 PROGRESS PROCESSING PROCESSING',
        '4 COMPLETED PROCESSING COMPLETED',
      ]);
      const { requestData: _request, resultData: _result, ...view } = await service.getState(assessmentId);
      expect(seen.at(-1)).toEqual({ kind: 'COMPLETED', previousState: 'PROCESSING', assessment: view });
      expect(await updates.next()).toEqual({ done: true, value: undefined });
    });

    test('gives one that reads late the state it began with, maybe some of what followed, and the end', async () => {
      const assessmentId = await create();
      const updates = service.watch({ assessmentId });
      await isWatched();
      await service.startProcessing({ assessmentId });
      for (const progress of [10, 20, 30]) await service.updateProgress({ assessmentId, progress });
      await service.failAssessment({ assessmentId, error: 'no', retryable: false });
      await eventually('it has let go by itself', () => implementation.open() === 0);
      const seen = await readAll(updates);
      const versions = seen.map(({ assessment }) => assessment.version);
      expect(versions).toEqual([...new Set(versions)].toSorted((one, other) => one - other));
      expect(seen[0]?.kind).toBe('SNAPSHOT');
      expect(storyOf(seen).at(-1)).toBe('6 FAILED PROCESSING FAILED');
    });

    test('leaves out what was seen', async () => {
      const assessmentId = await create();
      const updates = service.watch({ assessmentId, afterVersion: 1 });
      await isWatched();
      await finish(assessmentId);
      const story = storyOf(await readAll(updates));
      expect(story[0]).not.toMatch(/SNAPSHOT/);
      expect(story.at(-1)).toBe('3 COMPLETED PROCESSING COMPLETED');
    });

    test('after an older version begins with a SNAPSHOT; after the last one it is over at once', async () => {
      const assessmentId = await create();
      await finish(assessmentId);
      expect(storyOf(await readAll(service.watch({ assessmentId, afterVersion: 1 })))).toEqual(['3 SNAPSHOT null COMPLETED']);
      expect(storyOf(await readAll(service.watch({ assessmentId, afterVersion: 3 })))).toEqual([]);
    });

    test('goes on when an attempt is to be tried again, and ends where a round has failed, also for one that resumes later', async () => {
      const assessmentId = await create({ maxRetries: 1 });
      const updates = service.watch(assessmentId);
      await read(updates, 1);
      await service.startProcessing({ assessmentId });
      await service.failAssessment({ assessmentId, error: 'once' });
      await service.startProcessing({ assessmentId });
      await service.failAssessment({ assessmentId, error: 'twice' });
      expect(storyOf(await readAll(updates)).at(-1)).toBe('5 FAILED PROCESSING FAILED');
      await service.retryAssessment({ assessmentId });
      const [missed] = await readAll(service.watch({ assessmentId, afterVersion: 4 }));
      expect(missed?.assessment).toMatchObject({ state: 'FAILED', version: 5 });
    });

    test('of what there is not is refused by the first next(), and then over', async () => {
      const updates = service.watch('none');
      expect(await refusalOf(updates.next())).toEqual(new NotFoundError('none'));
      expect(await updates.next()).toEqual({ done: true, value: undefined });
    });

    test('return() takes effect while a next() is waiting', async () => {
      const updates = service.watch(await create());
      await read(updates, 1);
      const waiting = updates.next();
      expect(await updates.return?.()).toEqual({ done: true, value: undefined });
      expect(await waiting).toEqual({ done: true, value: undefined });
      expect(await updates.next()).toEqual({ done: true, value: undefined });
    });

    test('return() before anything has come, and twice', async () => {
      const updates = service.watch(await create());
      await updates.return?.();
      await updates.return?.();
      expect(await updates.next()).toEqual({ done: true, value: undefined });
    });

    test('breaking off a loop lets go', async () => {
      const assessmentId = await create();
      for await (const { kind } of service.watch(assessmentId)) {
        expect(kind).toBe('SNAPSHOT');
        break;
      }
      await eventually('nothing is watched', () => implementation.open() === 0);
    });

    test('has one reader', async () => {
      const updates = service.watch(await create());
      await read(updates, 1);
      const waiting = updates.next();
      expect(await refusalOf(updates.next())).toMatchObject({ message: expect.stringMatching(/one reader/) });
      await updates.return?.();
      await waiting;
    });
  });

  describe('feed', () => {
    test('brings every change after the cursor, then what happens, each with the assessment as it was', async () => {
      const after = await service.feedCursor();
      const early = await create();
      await finish(early);
      const feed = service.feed({ after });
      const seen = await read(feed, 3);
      const late = await create();
      await finish(late);
      seen.push(...(await read(feed, 3)));
      await feed.return?.();
      expect(seen.map(told)).toEqual([...lifeOf(early), ...lifeOf(late)]);
      const { requestData: _request, resultData: _result, ...view } = await service.getState(late);
      expect(seen.at(-1)).toEqual({ kind: 'COMPLETED', previousState: 'PROCESSING', assessment: view, cursor: expect.any(String) });
    });

    test('goes on after any of its cursors, with the very same updates', async () => {
      const feed = service.feed({ after: await service.feedCursor() });
      for (let made = 0; made < 3; made++) await finish(await create());
      const seen = await read(feed, 9);
      await feed.return?.();
      const end = await service.feedCursor();
      for (const [index, { cursor }] of seen.slice(0, -1).entries()) {
        const rest = service.feed({ after: cursor });
        const others = await read(rest, 8 - index);
        expect(others.map(({ cursor: _cursor, ...update }) => update)).toEqual(
          seen.slice(index + 1).map(({ cursor: _cursor, ...update }) => update),
        );
        await rest.return?.();
      }
      expect(end).toEqual(expect.any(String));
    });

    test('without a cursor begins now', async () => {
      await create();
      const feed = service.feed();
      await isWatched();
      const id = await create();
      expect((await read(feed, 1)).map(told)).toEqual([`${id} 1 CREATED`]);
      await feed.return?.();
    });

    test('after "0" brings all there is', async () => {
      const feed = service.feed({ after: '0', where: { assessmentId: { eq: 'waited-1' } } });
      expect((await read(feed, 3)).map(told)).toEqual(lifeOf('waited-1'));
      await feed.return?.();
    });

    test('brings what matches, and tells once more of what does not match any longer', async () => {
      const after = await service.feedCursor();
      await finish(await create({ serverName: 'web-9' }));
      const id = await create({ serverName: 'db-9' });
      await finish(id);
      const feed = service.feed({ after, where: { state: { eq: 'PENDING' }, serverName: { startsWith: 'db' } } });
      const next = await create({ serverName: 'db-9' });
      expect((await read(feed, 3)).map(told)).toEqual([`${id} 1 CREATED`, `${id} 2 STARTED`, `${next} 1 CREATED`]);
      await feed.return?.();
    });

    test('return() takes effect while a next() is waiting', async () => {
      const feed = service.feed();
      const waiting = feed.next();
      await isWatched();
      await feed.return?.();
      expect(await waiting).toEqual({ done: true, value: undefined });
      expect(await feed.next()).toEqual({ done: true, value: undefined });
    });

    test('after a cursor that can no longer be followed is refused', async () => {
      const after = await service.feedCursor();
      const id = await create();
      await finish(id);
      await (await implementation.database.connect()).query('delete from assessment_states where assessment_id = $1', [id]);
      const feed = service.feed({ after });
      const error = await refusalOf(feed.next());
      expect(error).toBeInstanceOf(CursorExpiredError);
      expect(error).toMatchObject({ code: 'CURSOR_EXPIRED', message: new CursorExpiredError().message });
      expect(await feed.next()).toEqual({ done: true, value: undefined });
    });
  });
});
