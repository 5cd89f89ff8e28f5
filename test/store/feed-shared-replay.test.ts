import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Actor, type AssessmentFilter, type AssessmentStore, type FeedEntry, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { expectWhole, FeedReader, versionOf } from '../support/feed-reader.ts';
import { TestLog } from '../support/test-log.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

/** More than the window holds, and than the stages lie apart. */
const rows = 6_000;
const inATransaction = 100;
/** Nothing but what is told of makes anybody read. */
const reconcileMs = 3_600_000;

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore({ reconcileMs, maintenanceMs: 3_600_000, feedBuffer: 1_000 });
  psql = await setup.database.connect();
});
afterAll(() => setup.stop());

let actor: Actor;
beforeEach(() => {
  actor = { tenantId: randomUUID(), subject: 'tester' };
  setup.statements.length = 0;
});

/** Creates so many, in many transactions that the store hears nothing of. */
async function fill(prefix: string, many = rows): Promise<void> {
  for (let from = 0; from < many; from += inATransaction)
    await psql.query(
      `insert into assessment_states (id, tenant_id, assessment_id, type, source, server_name, request_data, request_hash)
        select gen_random_uuid(), $1, $2 || n, 'health', 'api', 'server-' || n % 100, '{}', '' from generate_series($3::int, $4::int) n`,
      [actor.tenantId, prefix, from, from + inATransaction - 1],
    );
}

/** The last change, by the store: whoever follows hears of it. */
const mark = async (store: AssessmentStore = setup.store): Promise<string> => {
  const assessmentId = `mark-${randomUUID()}`;
  await store.createAssessment({ assessmentId, type: 'SECURITY', serverName: 'server-1' }, actor);
  return assessmentId;
};

const replays = (statements: readonly string[]): number => statements.filter((sql) => /\/\* read(Small|Large)Step /.test(sql)).length;
const versionsOf = (prefix: string, many: number, wanted = (_: number) => true): string[] =>
  Array.from({ length: many }, (_, n) => n)
    .filter(wanted)
    .map((n) => `${prefix}${n} 1`);
const about = (told: readonly FeedEntry[], prefix: string) => told.filter(({ assessment }) => assessment.assessmentId.startsWith(prefix));

describe('feeds that replay the same part of the log', () => {
  test('from the beginning, with filters of their own, cost the readings of one, and each brings all that it should', async () => {
    await fill('a-');
    const last = await mark();
    const alone = await FeedReader.open(setup.store, actor, { after: '0' });
    await alone.heard(last);
    const cost = replays(setup.statements);
    expect(cost).toBeGreaterThanOrEqual(rows / 200);
    await alone.stop(); // with the last feed all is forgotten
    setup.statements.length = 0;
    const filters = Array.from({ length: 40 }, (_, n): AssessmentFilter => ({ serverName: { in: [`server-${n}`, 'server-1'] } }));
    const readers = await Promise.all(filters.map((where) => FeedReader.open(setup.store, actor, { where, after: '0' })));
    for (const reader of readers) await reader.heard(last);
    expect(replays(setup.statements)).toBeLessThanOrEqual(cost + 5);
    for (const [n, reader] of readers.entries()) {
      expectWhole(
        about(reader.told, 'a-'),
        versionsOf('a-', rows, (row) => row % 100 === n || row % 100 === 1),
      );
      await reader.stop();
    }
  });

  test('from cursors of their own behind the window meet at the next stage, and read on together', async () => {
    const first = await FeedReader.open(setup.store, actor, { where: { type: { eq: 'SECURITY' } } });
    const begun: FeedReader[] = [];
    for (let part = 0; part < 3; part++) {
      await fill(`b-${part}-`);
      const last = await mark();
      await first.heard(last);
    }
    const all = await FeedReader.open(setup.store, actor, { after: '0' });
    await all.heard((first.told.at(-1) as FeedEntry).assessment.assessmentId);
    expect(about(all.told, 'b-')).toHaveLength(3 * rows);
    const versions = all.told.map(versionOf);
    setup.statements.length = 0;
    // Each place is about so far from the beginning; the stages lie 2,000 changes apart.
    const starts = [100, 150, 200, 250, 300, 350, 400, 450, 500, 550].map((index) => index * 2 + 1);
    for (const start of starts) begun.push(await FeedReader.open(setup.store, actor, {}, all.told.slice(0, start)));
    const last = await mark();
    for (const reader of begun) await reader.heard(last);
    const pagesOfOne = (3 * rows) / 200;
    expect(replays(setup.statements)).toBeLessThan(2 * pagesOfOne + starts.length * 15);
    await all.heard(last);
    for (const reader of begun) expectWhole(reader.told, [...versions, `${last} 1`]);
    for (const reader of [first, all, ...begun]) await reader.stop();
  });

  test('a page that could not be read is read again by whoever waits for it', async () => {
    await fill('c-', 1_000);
    const last = await mark();
    const openAll = () => Promise.all([1, 2, 3].map(() => FeedReader.open(setup.store, actor, { after: '0' }))).catch(() => undefined);
    const begun = openAll();
    await psql.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    // Those that could not even begin are begun again.
    const opened = (await begun) ?? (await eventually('the feeds are open', openAll));
    for (const reader of opened) {
      await reader.heard(last);
      expectWhole(about(reader.told, 'c-'), versionsOf('c-', 1_000));
      await reader.stop();
    }
  });
});

test('a feed that comes from another instance, not far behind, goes on in memory after a page or two', async () => {
  const other = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), reconcileMs });
  const here = await FeedReader.open(setup.store, actor);
  const there = await FeedReader.open(other, actor);
  for (let n = 0; n < 30; n++) {
    await Promise.all([mark(), mark(other), mark()]);
    if (n === 10) await Promise.all([here.heard(await mark()), there.heard(await mark(other))]);
  }
  const cut = there.told.length;
  expect(cut).toBeGreaterThan(10);
  const before = there.told.slice(0, cut);
  await there.stop();
  await here.heard(await mark());
  setup.statements.length = 0;
  const moved = await FeedReader.open(setup.store, actor, {}, before);
  const last = await mark();
  await moved.heard(last);
  expect(replays(setup.statements)).toBeLessThanOrEqual(3);
  await here.heard(last);
  expectWhole(moved.told, here.told.map(versionOf));
  await Promise.all([moved.stop(), here.stop()]);
  await other.stop();
});

test('what was deleted before a feed began at "0" is not missed by it, though others had begun before the deletion', async () => {
  await fill('d-', 1_000);
  const early = await FeedReader.open(setup.store, actor, { after: '0' });
  await early.heard('d-999');
  for (let round = 0; round < 3; round++) {
    await setup.store.cancelAssessment({ assessmentId: `d-${round}` }, actor);
    await psql.query(`delete from assessment_states where tenant_id = $1 and assessment_id = $2`, [actor.tenantId, `d-${round}`]);
    const last = await mark();
    const late = await FeedReader.open(setup.store, actor, { after: '0' });
    await late.heard(last);
    expectWhole(
      about(late.told, 'd-'),
      versionsOf('d-', 1_000, (row) => row > round),
    );
    await late.stop();
  }
  await early.stop();
});
