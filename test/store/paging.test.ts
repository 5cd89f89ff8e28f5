import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Assessment, AssessmentOrder, ListAssessments } from '../../src/store/index.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

const rows = 60;
let setup: TestStore;
let psql: pg.Client;
/** Those that stay as they are while others come, go and move. */
let staying: Assessment[];

beforeAll(async () => {
  setup = await startTestStore();
  psql = await setup.database.connect();
  // Few different values, so that nearly every row has others that are alike in what the list is ordered by.
  await psql.query(
    `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash, priority, created_at)
    select gen_random_uuid(), 'row ' || i, 'health', 'api', '{}', '', 1 + i % 3, timestamptz '2026-01-01' + make_interval(secs => i % 7)
    from generate_series(1, $1::int) as i`,
    [rows],
  );
  await psql.query(`update assessment_states set state = 'processing' where assessment_id like 'row %0'`);
  await psql.query(`update assessment_states set progress = 10 where state = 'processing' and assessment_id like 'row %20'`);
  staying = [];
  for (let after: string | undefined; ; ) {
    const page = await setup.store.listAssessments({ first: 100, after }, actor);
    staying.push(...page.items.map(({ node }) => node));
    if (!page.hasNextPage) break;
    after = page.items.at(-1)?.cursor;
  }
});
afterAll(() => setup.stop());

const orders = (['CREATED_AT', 'UPDATED_AT', 'PRIORITY', 'PROGRESS'] as const).flatMap((field) =>
  (['ASC', 'DESC'] as const).map((direction) => ({ field, direction })),
);

const orderedBy: Record<AssessmentOrder['field'], (assessment: Assessment) => number> = {
  CREATED_AT: ({ createdAt }) => createdAt.getTime(),
  UPDATED_AT: ({ updatedAt }) => updatedAt.getTime(),
  PRIORITY: ({ priority }) => priority,
  PROGRESS: ({ progress }) => progress,
};

/** The rows that stay, as the list must show them: by the value, and where it is the same by the id. */
function inOrder({ field, direction }: AssessmentOrder): string[] {
  const sign = direction === 'ASC' ? 1 : -1;
  const compare = (a: Assessment, b: Assessment) => orderedBy[field](a) - orderedBy[field](b) || (a.id < b.id ? -1 : 1);
  return staying.toSorted((a, b) => sign * compare(a, b)).map(({ assessmentId }) => assessmentId);
}

/** Goes through the whole list page by page; `between` happens after each. */
async function readAll(list: ListAssessments, size: number, backward: boolean, between: () => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 500; pages++) {
    const window = backward ? { last: size, before: cursor } : { first: size, after: cursor };
    const page = await setup.store.listAssessments({ ...list, ...window }, actor);
    const keys = page.items.map(({ node }) => node.assessmentId);
    if (backward) seen.unshift(...keys);
    else seen.push(...keys);
    if (!(backward ? page.hasPreviousPage : page.hasNextPage)) return seen;
    expect(backward ? page.hasNextPage : page.hasPreviousPage).toBe(cursor !== undefined);
    cursor = backward ? page.items[0]?.cursor : page.items.at(-1)?.cursor;
    await between();
  }
  throw new Error('the list does not end');
}

let made = 0;

/** Somebody else's rows: new ones among those that stay, changed ones that move, and deleted ones, also such as a cursor may name. */
async function unrest(): Promise<void> {
  const n = ++made;
  await psql.query(
    `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash, priority, created_at)
    select gen_random_uuid(), 'guest ' || $1 || ' ' || i, 'health', 'api', '{}', '', 1 + i % 3, timestamptz '2026-01-01' + make_interval(secs => i % 7)
    from generate_series(1, 10) as i`,
    [n],
  );
  await psql.query(
    `update assessment_states set priority = 4 - priority where state = 'pending' and assessment_id like 'guest %' and right(assessment_id, 1) in ('1', '4', '7')`,
  );
  await psql.query(
    `update assessment_states set state = 'cancelled' where state = 'pending' and assessment_id like 'guest %' and right(assessment_id, 1) <> '7'`,
  );
  await psql.query(`delete from assessment_states where state = 'cancelled'`);
}

describe.each(orders)('a list by $field, $direction', (orderBy) => {
  test.each([
    ['forward', false, 7],
    ['backward', true, 7],
    ['forward, one by one', false, 1],
    ['forward in full pages', false, 100],
  ])('read %s while others come and go, neither repeats nor skips a row that stays', async (_, backward, size) => {
    const busy = size === 1 ? async () => {} : unrest;
    const seen = await readAll({ orderBy }, size, backward, busy);
    // A guest that moved may be met twice, and rightly so.
    expect(seen.filter((key) => key.startsWith('row '))).toEqual(inOrder(orderBy));
    await psql.query(`update assessment_states set state = 'cancelled' where state = 'pending' and assessment_id like 'guest %'`);
    await psql.query(`delete from assessment_states where state = 'cancelled'`);
  });

  test('goes on after a row that is gone', async () => {
    const only = { where: { assessmentId: { startsWith: 'row ' } }, orderBy };
    await psql.query('begin');
    const { items } = await setup.store.listAssessments({ ...only, first: 10 }, actor);
    await psql.query('rollback');
    const expected = inOrder(orderBy);
    const rest = await setup.store.listAssessments({ ...only, first: 100, after: items[4]?.cursor, before: items[8]?.cursor }, actor);
    expect(rest.items.map(({ node }) => node.assessmentId)).toEqual(expected.slice(5, 8));
  });
});

test('a page of nothing says whether there is more', async () => {
  await expect(setup.store.listAssessments({ first: 0 }, actor)).resolves.toEqual({ items: [], hasNextPage: true, hasPreviousPage: false });
  await expect(setup.store.listAssessments({ last: 0 }, actor)).resolves.toEqual({ items: [], hasNextPage: false, hasPreviousPage: true });
});

test('the newest come first unless it is said otherwise, and the total does not depend on the page', async () => {
  const { items } = await setup.store.listAssessments({ first: 3 }, actor);
  expect(items.map(({ node }) => node.assessmentId)).toEqual(inOrder({ field: 'CREATED_AT', direction: 'DESC' }).slice(0, 3));
  expect(await setup.store.countAssessments({}, actor)).toBe(rows);
  expect(await setup.store.countAssessments({ where: { priority: { eq: 1 } } }, actor)).toBe(rows / 3);
});

test('a cursor of one order is refused in another', async () => {
  const { items } = await setup.store.listAssessments({ first: 1, orderBy: { field: 'PRIORITY', direction: 'ASC' } }, actor);
  const after = items[0]?.cursor;
  for (const orderBy of [{ field: 'PRIORITY', direction: 'DESC' }, { field: 'PROGRESS', direction: 'ASC' }, null] as const) {
    const page = setup.store.listAssessments({ first: 1, after, orderBy }, actor);
    await expect(page).rejects.toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['after'] }] });
  }
});

test('another tenant sees nothing of it, not even with a cursor', async () => {
  const stranger = { tenantId: 'stranger', subject: 'x' };
  const { items } = await setup.store.listAssessments({ first: 1 }, actor);
  const page = await setup.store.listAssessments({ after: items[0]?.cursor }, stranger);
  expect(page.items).toEqual([]);
  expect(await setup.store.countAssessments({}, stranger)).toBe(0);
});
