import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FeedEntry } from '../../src/store/index.ts';
import type { FeedProcessAnswer } from '../support/feed-process.ts';
import { expectWhole, FeedReader } from '../support/feed-reader.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { actor, startTestStore } from '../support/test-store.ts';

let database: TestDatabase;
let psql: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  psql = await database.connect();
});
afterAll(() => database.drop());

const assessments = 1_000;
const insert = `insert into assessment_states (id, assessment_id, type, source, server_name, request_data, request_hash)
  select gen_random_uuid(), 'a-' || n, 'health', 'api', 'web-1.example.com', '{}', '' from generate_series(1, $1::int) n`;
const update = `update assessment_states set message = rpad('step ' || version, 100, '.')`;

async function ask(child: ChildProcess, question: number | 'forget' | 'read'): Promise<FeedProcessAnswer> {
  const answered = once(child, 'message') as Promise<[FeedProcessAnswer]>;
  child.send(question);
  const [answer] = await answered;
  return answer;
}

test('100,000 updates for a feed that nobody reads take no memory, and it brings them all in order when it is read', {
  timeout: 400_000,
}, async () => {
  const child = fork(join(import.meta.dirname, '../support/feed-process.ts'), [database.url], {
    execArgv: ['--expose-gc', '--import', 'tsx'],
  });
  try {
    const [{ heap: empty }] = (await once(child, 'message')) as [FeedProcessAnswer];
    await psql.query(insert, [assessments]);
    for (let round = 1; round < 5; round++) await psql.query(update);
    const { heap: withKept } = await ask(child, 5 * assessments);
    const bytesEach = (withKept - empty) / (5 * assessments);
    expect(bytesEach).toBeGreaterThan(500); // or the measure is none
    const { heap: before } = await ask(child, 'forget');
    for (let round = 0; round < 100; round++) await psql.query(update);
    const { heap: after } = await ask(child, 105 * assessments); // the feed that is read is not held up
    expect(after - before).toBeLessThan((100 * assessments * bytesEach) / 20);
    const { told } = await ask(child, 'read');
    const versions = Array.from({ length: 105 }, (_, index) => index + 1);
    expect(Object.keys(told)).toHaveLength(assessments);
    for (const each of Object.values(told)) expect(each).toEqual(versions);
  } finally {
    child.disconnect();
    await once(child, 'exit');
  }
});

test('feeds that stopped in the middle of a replay hold up neither each other nor commands', async () => {
  const { store, database: own, stop } = await startTestStore({ poolSize: 4, reconcileMs: 50 });
  const client = await own.connect();
  await client.query(insert, [assessments]);
  const slow = await Promise.all(Array.from({ length: 20 }, () => store.feedAssessments({ after: '0' }, actor)));
  const firsts = await Promise.all(slow.map((feed) => feed.next()));
  expect(new Set(firsts.map(({ value }) => value?.assessment.assessmentId)).size).toBe(1);
  const reader = await FeedReader.open(store, actor, { after: '0' });
  await store.createAssessment({ assessmentId: 'meanwhile', type: 'HEALTH' }, actor);
  await reader.heard('meanwhile');
  const told = slow.map((_, index) => [firsts[index]?.value as FeedEntry]);
  await Promise.all(
    slow.map(async (feed, index) => {
      while (told[index]?.at(-1)?.assessment.assessmentId !== 'meanwhile') told[index]?.push((await feed.next()).value as FeedEntry);
    }),
  );
  for (const each of told)
    expectWhole(
      each,
      reader.told.map(({ assessment }) => `${assessment.assessmentId} ${assessment.version}`),
    );
  await stop();
});
