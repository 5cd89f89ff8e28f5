import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

const indexerLock = 4_711_001;

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore();
  psql = await setup.database.connect();
  await psql.query('select pg_advisory_lock($1)', [indexerLock]);
  const { store } = setup;
  const create = (assessmentId: string, serverName: string | null, metadata: { [key: string]: unknown } = {}) =>
    store.createAssessment({ assessmentId, type: 'HEALTH', serverName, metadata }, actor);
  await create('web', 'web-01.eu.example.com', { team: 'platform', ticket: 'OPS-42' });
  await create('db', 'db-01.us.example.com', { contact: 'ops@example.org', url: 'https://wiki.example.org/runbooks/db?page=2' });
  await create('plain', 'mailhost', { note: 'the certificate expires soon', count: 4711 });
  await create('unnamed', null, { note: `the soon expiring certificate of O'Hara`, words: ['Zürich', 'naïve', '東京'] });
  for (const assessmentId of ['db', 'plain']) await store.startProcessing({ assessmentId }, actor);
  await store.updateProgress({ assessmentId: 'plain', progress: 10, message: 'checking disk space' }, actor);
  await store.failAssessment({ assessmentId: 'db', error: 'connection refused by peer' }, actor);
});
afterAll(() => setup.stop());

const waiting = async () => (await psql.query('select count(*)::int as count from assessment_search_pending')).rows[0].count;
const indexed = async () => (await psql.query('select count(*)::int as count from assessment_search')).rows[0].count;

async function letTheIndexerIn(): Promise<void> {
  await psql.query('select pg_advisory_unlock($1)', [indexerLock]);
  await eventually('every word is taken out', async () => (await waiting()) === 0);
}

async function found(search: string): Promise<string[]> {
  const { items } = await setup.store.searchAssessments({ search }, actor);
  expect(await setup.store.countAssessments({ search }, actor)).toBe(items.length);
  return items.map(({ node }) => node.assessmentId).toSorted();
}

const finds = () =>
  test.each<[string, string, string[]]>([
    ['a word of the request', 'platform', ['web']],
    ['a word of the message', 'disk', ['plain']],
    ['a word of the error', 'refused', ['db']],
    ['a word in any case', 'CERTIFICATE', ['plain', 'unnamed']],
    ['several words, all of which must occur, in any order', 'soon certificate', ['plain', 'unnamed']],
    ['words in different places', 'mailhost disk certificate', ['plain']],
    ['a phrase', '"certificate expires"', ['plain']],
    ['a phrase, only in its order', '"expires certificate"', []],
    ['what has one word and not another', 'certificate -disk', ['unnamed']],
    ['one of two words', 'disk or platform', ['plain', 'web']],
    ['a number', '4711', ['plain']],
    ['words beyond ASCII', 'zürich 東京', ['unnamed']],
    ['an address in the request', 'ops@example.org', ['db']],
    ['a ticket as it is written', 'OPS-42', ['web']],
    ['a name with an apostrophe', `O'Hara`, ['unnamed']],
  ])('a search finds %s: %s', async (_, search, keys) => {
    expect(await found(search)).toEqual(keys);
  });

const findsServers = () =>
  test.each<[string, string, string[]]>([
    ['its whole name', 'web-01.eu.example.com', ['web']],
    ['the name in capitals', 'WEB-01.EU.EXAMPLE.COM', ['web']],
    ['the name in quotes', '"db-01.us.example.com"', ['db']],
    ['one part', 'eu', ['web']],
    ['parts that stand apart', 'db us', ['db']],
    ['a part that many have', 'example', ['db', 'web']],
    ['its number', '01', ['db', 'web']],
    ['the host without the domain', 'web-01', ['web']],
    ['the host without the domain, in quotes', '"db-01"', ['db']],
    ['the domain', 'eu.example.com', ['web']],
    ['a name without dots', 'mailhost', ['plain']],
    ['the name and not a part', 'example -eu', ['db']],
  ])('a search for a server finds it by %s: %s', async (_, search, keys) => {
    expect(await found(search)).toEqual(keys);
  });

describe('while the words wait for the indexer', () => {
  test('none is taken out', async () => expect([(await waiting()) > 3, await indexed()]).toEqual([true, 0]));
  finds();
  findsServers();
});

describe('when the indexer has taken them out', () => {
  beforeAll(letTheIndexerIn);
  test('each assessment has them', async () => expect(await indexed()).toBe(4));
  finds();
  findsServers();
});

describe('a search for nothing that is a word', () => {
  test.each(['...', '"', '""', '-', '!!! ???', '()&|:*<->', '-"', `'`, '\\', '%', '_', '🙂'])(
    'finds nothing, and is no error: %s',
    async (search) => {
      expect(await found(search)).toEqual([]);
    },
  );
});

describe('a search that would be something else to a database', () => {
  test.each([
    `'; drop table assessment_states; --`,
    `') or 1=1 --`,
    `$$; select pg_sleep(10); $$`,
    `disk' | 'platform`,
    '!certificate',
    'disk:*',
    'disk & (platform',
    `\\'; select 1`,
    `' union select pg_sleep(10) --`,
  ])('is a search for its words: %s', async (search) => {
    await found(search);
    expect(await setup.store.countAssessments({}, actor)).toBe(4);
  });
});

describe('a search that makes no sense', () => {
  test.each([
    ['empty', ''],
    ['blank', ' \t\n'],
    ['longer than 500 characters', 'x'.repeat(501)],
    ['with a NUL', 'a\0b'],
    ['with half a surrogate pair', 'a\ud800'],
  ])('is refused by its name: %s', async (_, search) => {
    await expect(setup.store.searchAssessments({ search }, actor)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: ['search'] }],
    });
    await expect(setup.store.countAssessments({ search }, actor)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test.each([
    ['words', 'a '.repeat(250)],
    ['minuses', '-'.repeat(500)],
    ['a ruled line', `${'-'.repeat(60)} title`],
    ['minuses that stand apart', '- '.repeat(250)],
    ['minuses before quotes', '-"'.repeat(250)],
    ['quotes', '"'.repeat(500)],
    ['alternatives', 'a or '.repeat(100)],
  ])('of up to 500 characters of %s is answered', async (_, search) => {
    expect(await found(search.trim())).toEqual([]);
  });
});

test('a search goes together with a filter, an order and pages', async () => {
  const list = { search: 'certificate', orderBy: { field: 'CREATED_AT', direction: 'ASC' }, first: 1 } as const;
  const first = await setup.store.searchAssessments(list, actor);
  expect(first.items.map(({ node }) => node.assessmentId)).toEqual(['plain']);
  expect(first.hasNextPage).toBe(true);
  const second = await setup.store.searchAssessments({ ...list, after: first.items[0]?.cursor }, actor);
  expect(second.items.map(({ node }) => node.assessmentId)).toEqual(['unnamed']);
  expect(second.hasNextPage).toBe(false);
  const filtered = await setup.store.searchAssessments({ ...list, where: { state: { eq: 'PROCESSING' } } }, actor);
  expect(filtered.items.map(({ node }) => node.assessmentId)).toEqual(['plain']);
});

test('what an attempt said is found as long as it is what the assessment says', async () => {
  const { store } = setup;
  await store.createAssessment({ assessmentId: 'changing', type: 'HEALTH', maxRetries: 1 }, actor);
  await store.startProcessing({ assessmentId: 'changing' }, actor);
  await store.updateProgress({ assessmentId: 'changing', progress: 1, message: 'unpacking' }, actor);
  expect(await found('unpacking')).toEqual(['changing']);
  await store.failAssessment({ assessmentId: 'changing', error: 'exploded' }, actor);
  expect(await found('unpacking')).toEqual([]);
  expect(await found('exploded')).toEqual(['changing']);
});

test('the words of a deleted assessment go with it, whether or not they were taken out', async () => {
  const { store } = setup;
  const end = async (assessmentId: string) => {
    await store.createAssessment({ assessmentId, type: 'HEALTH', metadata: { word: 'ephemeral' } }, actor);
    await store.cancelAssessment({ assessmentId }, actor);
  };
  await end('early');
  await eventually('its words are taken out', async () => (await waiting()) === 0);
  const before = await indexed();
  await end('late');
  await psql.query(`delete from assessment_states where assessment_id in ('early', 'late')`);
  expect(await found('ephemeral')).toEqual([]);
  // The deletion by hand told nobody; the next change, or the tick, makes the indexer look.
  await store.cancelAssessment({ assessmentId: 'web' }, actor);
  await eventually('its words are removed', async () => (await waiting()) === 0);
  expect(await indexed()).toBe(before - 1);
});

test('a search counts only words that were committed, and finds them at once when thousands wait', async () => {
  const { store } = setup;
  await psql.query('select pg_advisory_lock($1)', [indexerLock]);
  const many = Array.from({ length: 600 }, (_, index) => ({
    assessmentId: `many-${index}`,
    type: 'HEALTH' as const,
    metadata: { word: `n${index}` },
  }));
  await Promise.all(many.map((input) => store.createAssessment(input, actor)));
  expect(await found('n0')).toEqual(['many-0']);
  expect(await found('n599')).toEqual(['many-599']);
  await letTheIndexerIn();
  expect(await found('n0')).toEqual(['many-0']);
  expect(await found('n599')).toEqual(['many-599']);
});

test('a request whose words are more than PostgreSQL takes keeps neither the indexer nor a search from the others', async () => {
  const { store } = setup;
  const urls = Array.from({ length: 3_000 }, (_, index) => `logs.example.com/deployments/${'segment/'.repeat(30)}pod${index}`);
  await psql.query('select pg_advisory_lock($1)', [indexerLock]);
  await store.createAssessment({ assessmentId: 'huge', type: 'HEALTH', metadata: { urls } }, actor);
  await store.createAssessment({ assessmentId: 'beside', type: 'HEALTH', metadata: { word: 'besides' } }, actor);
  expect(await found('besides')).toEqual(['beside']);
  await letTheIndexerIn();
  expect(await found('besides')).toEqual(['beside']);
  expect(setup.log.lines.filter(({ message }) => /words/.test(message))).toEqual([]);
});
