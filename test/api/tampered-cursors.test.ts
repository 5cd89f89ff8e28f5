import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCursor } from '../../src/store/cursor.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
  for (const id of ['a', 'b', 'c']) {
    await service.send('mutation ($id: String!) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { __typename } }', { id });
    await service.send('mutation ($id: String!) { cancelAssessment(input: { assessmentId: $id }) { __typename } }', { id });
  }
  for (const list of Object.values(lists)) list.cursor = await middleCursorOf(list);
});
afterAll(async () => {
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(faults).toEqual([]);
});

interface List {
  /** The document for a page, with `$arguments` where they go. */
  document: string;
  cursor: string;
}
const ordered = (orderBy: string): List => ({
  document: `query ($cursor: String) { list: assessments($arguments, orderBy: ${orderBy}) { edges { cursor } } }`,
  cursor: '',
});
const lists: Record<string, List> = {
  'assessments by CREATED_AT': ordered('{ field: CREATED_AT, direction: DESC }'),
  'assessments by CREATED_AT, the oldest first': ordered('{ field: CREATED_AT, direction: ASC }'),
  'assessments by UPDATED_AT': ordered('{ field: UPDATED_AT, direction: DESC }'),
  'assessments by PRIORITY': ordered('{ field: PRIORITY, direction: ASC }'),
  'assessments by PROGRESS': ordered('{ field: PROGRESS, direction: DESC }'),
  'an audit trail': {
    document: 'query ($cursor: String) { assessment(assessmentId: "b") { list: auditTrail($arguments) { edges { cursor } } } }',
    cursor: '',
  },
};

interface Edges {
  edges: { cursor: string }[];
}
type Page = Answer<{ list?: Edges; assessment?: { list: Edges } | null } | null>;

const pageOf = ({ document }: List, argument: string, cursor: string | null): Promise<Page> =>
  service.send(document.replace('$arguments', `${argument === 'after' ? 'first' : 'last'}: 2, ${argument}: $cursor`), { cursor });

const edgesOf = ({ data }: Page) => (data?.list ?? data?.assessment?.list)?.edges;

async function middleCursorOf(list: List): Promise<string> {
  const edges = edgesOf(await pageOf(list, 'after', null));
  return edges?.[list.document.includes('auditTrail') ? 0 : 1]?.cursor ?? expect.fail('no page to begin with');
}

async function expectRefused(list: List, argument: string, cursor: string): Promise<void> {
  const answer = await pageOf(list, argument, cursor);
  expect({ cursor, status: answer.status, extensions: answer.errors?.[0]?.extensions }).toMatchObject({
    ...{ cursor, status: 200 },
    extensions: { code: 'BAD_USER_INPUT', argument },
  });
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe.each(Object.keys(lists))('a cursor of %s', (name) => {
  const list = lists[name] ?? expect.fail('no such list');

  test.each(['after', 'before'])('is taken as %s as it was given', async (argument) => {
    const answer = await pageOf(list, argument, list.cursor);
    expect(answer.errors).toBeUndefined();
    expect(edgesOf(answer)).toHaveLength(argument === 'after' || name !== 'an audit trail' ? 1 : 0);
  });

  test('is refused with any one character changed', async () => {
    const positions = Array.from(list.cursor, (character, index) => ({ character, index }));
    await Promise.all(
      positions.map(({ character, index }) => {
        const other = alphabet[(alphabet.indexOf(character) + 1 + (index % 62)) % 64] ?? 'A';
        return expectRefused(list, 'after', list.cursor.slice(0, index) + other + list.cursor.slice(index + 1));
      }),
    );
  });

  test('is refused when it is cut, longer, twice, in another spelling of base64, or not base64', async () => {
    const { cursor } = list;
    for (const changed of [
      cursor.slice(1),
      cursor.slice(0, -1),
      cursor.slice(0, 12),
      `${cursor}A`,
      `${cursor}=`,
      `${cursor}\n`,
      ` ${cursor}`,
      cursor + cursor,
      Buffer.from(cursor).toString('base64url'),
      cursor.toUpperCase(),
      `${cursor.slice(0, 5)}%${cursor.slice(5)}`,
      `${cursor}\0`,
      `${cursor}\ud800`,
    ]) {
      await expectRefused(list, 'after', changed);
      await expectRefused(list, 'before', changed);
    }
  });

  test('is refused by every other list and order', async () => {
    for (const [otherName, other] of Object.entries(lists)) {
      if (otherName !== name) await expectRefused(other, 'after', list.cursor);
    }
  });
});

/** The checksum guards against damage; its recipe is no secret, so what it vouches for is checked all the same. */
describe('a cursor that was made up, with the right checksum,', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057';
  const time = '2026-01-01T00:00:00.000Z';
  const made: Record<string, [string, string]> = {
    'of a time that is none': ['assessments by CREATED_AT', encodeCursor('CREATED_AT DESC', ['yesterday?', id])],
    'of a time of the year 0': ['assessments by UPDATED_AT', encodeCursor('UPDATED_AT DESC', ['0000-01-01T00:00:00.000Z', id])],
    'of a number in place of the time': ['assessments by CREATED_AT', encodeCursor('CREATED_AT DESC', [1, id])],
    'of no id': ['assessments by CREATED_AT', encodeCursor('CREATED_AT DESC', [time, 'x'])],
    'of an id with NUL': ['assessments by CREATED_AT', encodeCursor('CREATED_AT DESC', [time, '\0'])],
    'of too few values': ['assessments by CREATED_AT', encodeCursor('CREATED_AT DESC', [time])],
    'of no values': ['assessments by PRIORITY', encodeCursor('PRIORITY ASC', [])],
    'of an object as value': ['assessments by PRIORITY', encodeCursor('PRIORITY ASC', [{ a: 1 }, id])],
    'of a number that no column holds': ['assessments by PRIORITY', encodeCursor('PRIORITY ASC', [1e30, id])],
    'of half a number': ['assessments by PROGRESS', encodeCursor('PROGRESS DESC', [0.5, id])],
    'of a version that no column holds': ['an audit trail', encodeCursor('AUDIT', [1e30])],
    'of half a version': ['an audit trail', encodeCursor('AUDIT', [1.5])],
    'of a version in words': ['an audit trail', encodeCursor('AUDIT', ['one'])],
  };
  test.each(Object.entries(made))('%s is refused', async (_, [name, cursor]) => {
    const list = lists[name] ?? expect.fail('no such list');
    await expectRefused(list, 'after', cursor);
    await expectRefused(list, 'before', cursor);
  });
});
