import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Actor, CursorExpiredError, type FeedEntry, updateCursor } from '../../src/store/index.ts';
import { bringTo } from '../support/batches.ts';
import { eventually } from '../support/eventually.ts';
import { expectWhole, FeedReader, versionOf } from '../support/feed-reader.ts';
import { refusalOf } from '../support/outcomes.ts';
import { letMinutesPass } from '../support/queue-clock.ts';
import { type QuietStore, startQuietStore } from '../support/quiet-store.ts';

const minutesADay = 1_440;

let setup: QuietStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startQuietStore({ reconcileMs: 40, feedBuffer: 50, maintenanceMs: 3_600_000 });
  psql = await setup.connect();
});
afterAll(() => setup.stop());

let actor: Actor;
beforeEach(() => {
  actor = { tenantId: randomUUID(), subject: 'tester' };
});

const create = (assessmentId: string, by = actor) => setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, by);
async function end(assessmentId: string, by = actor): Promise<void> {
  await create(assessmentId, by);
  await setup.store.cancelAssessment({ assessmentId }, by);
}
const remove = (...ids: string[]) =>
  psql.query('delete from assessment_states where tenant_id = $1 and assessment_id = any($2)', [actor.tenantId, ids]);
const open = (after?: string, by = actor) => setup.store.feedAssessments({ after }, by);
const cursorOf = (entry: FeedEntry | undefined) => updateCursor(entry ?? expect.fail('nothing was told'));

async function take(feed: AsyncIterator<FeedEntry, undefined>, many: number): Promise<string[]> {
  const told: string[] = [];
  while (told.length < many) {
    const { value, done } = await feed.next();
    if (done) break;
    told.push(versionOf(value));
  }
  return told;
}

/** Many ended assessments at once, two versions each. */
async function endMany(prefix: string, many: number): Promise<string[]> {
  const ids = Array.from({ length: many }, (_, index) => `${prefix}-${String(index).padStart(3, '0')}`);
  await setup.store.batchCreateAssessments({ assessments: ids.map((assessmentId) => ({ assessmentId, type: 'HEALTH' })) }, actor);
  await bringTo(psql, ids, 'cancelled');
  return ids;
}

describe('after a cleanup', () => {
  test('a cursor from before what was deleted is refused, one from after it goes on, and "0" brings what is held', async () => {
    const reader = await FeedReader.open(setup.store, actor);
    await end('old');
    await letMinutesPass(psql, actor.tenantId, 3 * minutesADay);
    await create('kept');
    await end('young');
    await reader.heard('young', 2);
    expect(reader.told.map(versionOf)).toEqual(['old 1', 'old 2', 'kept 1', 'young 1', 'young 2']);
    expect(await setup.store.cleanupOldAssessments({ retentionDays: 2 }, actor)).toBe(1);
    const [first, second, third, , last] = reader.told;
    expect(await refusalOf(open(cursorOf(first)))).toBeInstanceOf(CursorExpiredError);
    const after = [
      [second, ['kept 1', 'young 1', 'young 2', 'next 1']],
      [third, ['young 1', 'young 2', 'next 1']],
      [last, ['next 1']],
    ] as const;
    await create('next');
    await reader.heard('next'); // and nothing has happened to the live one
    for (const [entry, rest] of after) {
      const feed = await open(cursorOf(entry));
      expect(await take(feed, rest.length)).toEqual(rest);
      await feed.return();
    }
    const all = await open('0');
    expect(await take(all, 4)).toEqual(['kept 1', 'young 1', 'young 2', 'next 1']);
    await all.return();
    await reader.stop();
    expect(reader.error).toBeUndefined();
  });

  test('the cursors and feeds of other tenants go on, wherever they stand', async () => {
    const other = { ...actor, tenantId: `${actor.tenantId}-other` };
    const reader = await FeedReader.open(setup.store, other);
    await create('theirs', other);
    await reader.heard('theirs');
    for (let round = 0; round < 3; round++) {
      await end(`mine-${round}`);
      await remove(`mine-${round}`);
    }
    await create('theirs too', other);
    const resumed = await FeedReader.open(setup.store, other, {}, reader.told.slice(0, 1));
    for (const each of [reader, resumed]) {
      await each.heard('theirs too');
      await each.stop();
      expect(each.error).toBeUndefined();
    }
  });

  test('a feed that has read everything goes on, also while somebody has been in a transaction since before', async () => {
    const sleeper = await setup.connect();
    await create('held by somebody');
    await sleeper.query('begin');
    await sleeper.query(`update assessment_states set message = 'not yet' where tenant_id = $1`, [actor.tenantId]);
    const reader = await FeedReader.open(setup.store, actor);
    for (let round = 0; round < 5; round++) {
      await end(`ended-${round}`);
      await reader.heard(`ended-${round}`, 2);
      await remove(`ended-${round}`);
    }
    const resumed = await FeedReader.open(setup.store, actor, {}, reader.told); // and so does its cursor
    await create('after all');
    await reader.heard('after all');
    await sleeper.query('commit');
    await sleeper.end();
    for (const each of [reader, resumed]) {
      await each.heard('held by somebody', 2);
      await each.heard('after all');
      await each.stop();
      expect(each.told.map(versionOf)).toEqual([
        ...[0, 1, 2, 3, 4].flatMap((round) => [`ended-${round} 1`, `ended-${round} 2`]),
        'after all 1',
        'held by somebody 2',
      ]);
    }
  });

  test('what was deleted can be created anew, and the feed tells of it from its first version', async () => {
    const reader = await FeedReader.open(setup.store, actor);
    await end('again');
    await reader.heard('again', 2);
    await remove('again');
    await create('again');
    await eventually('the new one is told of', () => reader.told.length === 3);
    await reader.stop();
    expect(reader.told.map(versionOf)).toEqual(['again 1', 'again 2', 'again 1']);
    const ids = reader.told.map(({ assessment: { id } }) => id);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test('few rows tell of how much was deleted', async () => {
    for (let round = 0; round < 20; round++) {
      await end(`one-${round}`);
      await remove(`one-${round}`);
    }
    const { rows } = await psql.query('select from assessment_log_cut where tenant_id = $1', [actor.tenantId]);
    expect(rows).toHaveLength(1);
  });
});

describe('a feed that is cut', () => {
  test('in the middle of a replay ends with CursorExpiredError, after what it had read, and skips nothing silently', async () => {
    const ids = await endMany('cut', 400);
    const feed = await open('0');
    const [first] = await take(feed, 1);
    expect(first).toBe('cut-000 1');
    await remove(...ids.slice(300));
    const told: string[] = [];
    const read = async () => {
      for (;;) told.push(...(await take(feed, 1)));
    };
    expect(await refusalOf(read())).toBeInstanceOf(CursorExpiredError);
    expect(told.length).toBeLessThan(300);
    expect(told).toEqual(ids.slice(1, 1 + told.length).map((id) => `${id} 1`));
    expect(await feed.next()).toEqual({ done: true, value: undefined });
    const whole = await FeedReader.open(setup.store, actor, { after: '0' });
    await whole.heard('cut-299', 2);
    await whole.stop();
    expectWhole(
      whole.told,
      ids.slice(0, 300).flatMap((id) => [`${id} 1`, `${id} 2`]),
    );
  });

  test('before it began is no feed that is cut: "0" is replayed to its end past all the holes', async () => {
    const ids = await endMany('holes', 500);
    await remove(...ids.filter((_, index) => index % 2 === 0));
    const kept = ids.filter((_, index) => index % 2 === 1).flatMap((id) => [`${id} 1`, `${id} 2`]);
    const reader = await FeedReader.open(setup.store, actor, { after: '0' });
    await reader.heard('holes-499', 2);
    for (const known of [1, 199, 200, 201, 350]) {
      const resumed = await FeedReader.open(setup.store, actor, {}, reader.told.slice(0, known)); // in the middle of its first step
      await resumed.heard('holes-499', 2);
      await resumed.stop();
      expectWhole(resumed.told, kept);
    }
    await reader.stop();
    expectWhole(reader.told, kept);
  });

  test('behind the window ends when it goes on; one that has kept up does not', async () => {
    const slow = await open();
    const reader = await FeedReader.open(setup.store, actor);
    const ids = await endMany('behind', 300);
    await reader.heard('behind-299', 2);
    await remove(...ids.slice(0, 10));
    await create('after the cut');
    await reader.heard('after the cut');
    expect(await refusalOf(take(slow, 10_000))).toBeInstanceOf(CursorExpiredError);
    await reader.stop();
    expect(reader.error).toBeUndefined();
  });

  test('of changes that nobody has read ends at once, and those of other tenants go on', async () => {
    const other = { ...actor, tenantId: `${actor.tenantId}-other` };
    const readers = [await FeedReader.open(setup.store, actor), await FeedReader.open(setup.store, other)] as const;
    await create('seen');
    await readers[0].heard('seen');
    await psql.query('begin');
    await psql.query(`update assessment_states set state = 'cancelled' where tenant_id = $1`, [actor.tenantId]);
    await psql.query(`delete from assessment_states where tenant_id = $1`, [actor.tenantId]);
    await psql.query('commit');
    await eventually('the feed ends', () => readers[0].error);
    expect(readers[0].error).toBeInstanceOf(CursorExpiredError);
    await create('theirs', other);
    await readers[1].heard('theirs');
    await Promise.all(readers.map((reader) => reader.stop()));
    const anew = await FeedReader.open(setup.store, actor);
    await create('afresh');
    await anew.heard('afresh');
    await anew.stop();
  });
});
