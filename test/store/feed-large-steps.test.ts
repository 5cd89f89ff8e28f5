import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { expectWhole, FeedReader } from '../support/feed-reader.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

/** Longer than a test: what is read, is read because somebody was told. */
const reconcileMs = 3_600_000;
const many = 2_000;

let setup: TestStore;
let other: AssessmentStore;
beforeAll(async () => {
  setup = await startTestStore({ reconcileMs, feedBuffer: 500 });
  other = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), reconcileMs });
});
afterAll(async () => {
  await other.stop();
  await setup.stop();
});

const insert = `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash)
  select gen_random_uuid(), $1 || n, 'health', 'api', '{}', '' from generate_series(1, $2::int) n`;
const change = `update assessment_states set message = coalesce(message, '') || 'x' where starts_with(assessment_id, $1)`;

/** Three transactions of thousands of rows that overlap, and come to light together with one small change. */
async function changeAtOnce(name: string): Promise<string> {
  const [one, two, early] = await Promise.all([setup.database.connect(), setup.database.connect(), setup.database.connect()]);
  await early.query('begin');
  await early.query(insert, [`${name}-early-`, 10]);
  await one.query('begin');
  await one.query(insert, [`${name}-one-`, many]);
  await two.query('begin');
  await two.query(insert, [`${name}-two-`, many]);
  await one.query(change, [`${name}-one-`]);
  await two.query(change, [`${name}-two-`]);
  await one.query('commit');
  await two.query(change, [`${name}-two-`]);
  await two.query('commit');
  await early.query(change, [`${name}-early-`]);
  await early.query('commit');
  await setup.store.createAssessment({ assessmentId: `${name}-marker`, type: 'HEALTH' }, actor);
  await Promise.all([one, two, early].map((client) => client.end()));
  return `${name}-marker`;
}

async function versionsOf(name: string): Promise<string[]> {
  const psql = await setup.database.connect();
  const { rows } = await psql.query<{ version: string }>(
    `select assessment_id || ' ' || version_to as version from assessment_state_audit where starts_with(assessment_id, $1)`,
    [`${name}-`],
  );
  return rows.map(({ version }) => version);
}

test('thousands of changes that are settled at once reach a feed that keeps up, and one after any cursor among them', async () => {
  const reader = await FeedReader.open(setup.store, actor);
  const marker = await changeAtOnce('bulk');
  await reader.heard(marker);
  const versions = await versionsOf('bulk');
  expect(versions).toHaveLength(5 * many + 21);
  expectWhole(reader.told, versions);
  for (let index = 0; index < versions.length; index += 1_777) {
    for (const store of [setup.store, other]) {
      const resumed = await FeedReader.open(store, actor, {}, reader.told.slice(0, index + 1));
      await resumed.heard(marker);
      await resumed.stop();
      expectWhole(resumed.told, versions);
    }
  }
  await reader.stop();
});

test('a connection that breaks in the middle of them costs nothing and doubles nothing', async () => {
  const proxy = await TcpProxy.before(setup.database.url);
  let breaks = 0;
  const onStatement = (sql: string): void => {
    if (!/read(Small|Large)Step/.test(sql) || ++breaks > 3) return;
    void proxy.cut().then(() => proxy.restore());
  };
  const log = new TestLog();
  const store = await openStore({
    databaseUrl: proxy.through(setup.database.url),
    log,
    reconcileMs: 100,
    feedBuffer: 100_000,
    onStatement,
  });
  try {
    const reader = await FeedReader.open(store, actor);
    const marker = await changeAtOnce('broken');
    await reader.heard(marker);
    await eventually('it was broken off', () => breaks > 3);
    await reader.stop();
    expectWhole(reader.told, await versionsOf('broken'));
    expect(log.lines.map(({ message }) => message)).toContain('feeds go on: the audit trail can be read again');
  } finally {
    await store.stop();
    await proxy.stop();
  }
});
