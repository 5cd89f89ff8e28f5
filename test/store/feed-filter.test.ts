import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Prisma } from '../../src/generated/prisma/client.ts';
import { assessmentColumns } from '../../src/store/columns.ts';
import { FeedFilters } from '../../src/store/feed-filter.ts';
import { filterToSql } from '../../src/store/filter.ts';
import { type Assessment, type AssessmentFilter, InvalidInputError } from '../../src/store/index.ts';
import { filterToPredicate } from '../../src/store/matches.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

const states = ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
const types = ['COMPLIANCE', 'HEALTH', 'SECURITY'] as const;
const sources = ['INSTALLER', 'COMPLIANCE', 'API'] as const;

/** What tells readings of text apart: case, metacharacters of LIKE, characters of more than one unit or with more than one spelling. */
const texts = [
  ...['web-1', 'WEB-1', 'web-10', 'web_1', '100%', '100x', '%', '_', '%_', 'a_b', 'axb', 'a\\b', '\\', '\\%', 'a%', 'a\\%b'],
  ...['ü', 'u\u0308', 'Ü', 'ß', 'SS', 'ss', 'I', 'i', 'ı', 'İ', 'ﬀ', 'ff', 'null', 'NULL', "'", '"', '{a,b}', 'a,b', ' ', 'a', 'a ', ' a'],
  ...['💥', '💥💥', 'x💥y', '👩‍👩‍👧', '\u{10ffff}', '\uffff', '\ufffd', '\ue000', '\ud7ff', '\n', '\t', 'é'.repeat(100)],
];
const base = Date.UTC(2026, 10, 22, 5);
/** Moments around a few that are a millisecond apart, around a leap day, and where the calendar ends. */
const moments = [
  ...[0, 1, 2, 999, 1_000, 86_400_000].map((ms) => new Date(base + ms)),
  ...['0001-01-01T00:00:00.000Z', '2024-02-29T23:59:59.999Z', '2024-03-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'].map(
    (text) => new Date(text),
  ),
];

let setup: TestStore;
let rows: Assessment[];
beforeAll(async () => {
  setup = await startTestStore({ reconcileMs: 3_600_000 });
  const psql = await setup.database.connect();
  await psql.query('begin; set local session_replication_role = replica'); // as no command would leave them
  const at = <T>(values: readonly T[], index: number) => values[index % values.length] as T;
  for (let index = 0; index < 160; index++) {
    const state = at(states, index);
    const ended = state === 'COMPLETED' || state === 'FAILED';
    await psql.query(
      `insert into assessment_states (id, assessment_id, state, type, source, server_name, priority, progress, retry_count, request_data,
        request_hash, created_at, updated_at, started_at, completed_at)
       values (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, '{}', '', $9, $10, now(), $11)`,
      [
        `${at(texts, index * 7)}-${index}`,
        ...[state, at(types, index * 3), at(sources, index * 5)].map((label) => label.toLowerCase()),
        index % 6 === 0 ? null : at(texts, index),
        ...[1 + (index % 10), (index * 37) % 101, index % 4],
        ...[at(moments, index), at(moments, index * 3)].map((moment) => moment.toISOString()),
        ended ? at(moments, index * 7).toISOString() : null,
      ],
    );
  }
  await psql.query('commit');
  rows = await setup.store.database.$queryRaw`select ${assessmentColumns.s} from assessment_states s`;
});
afterAll(() => setup.stop());

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 5 });
const piece = fc.constantFrom(...texts).chain((text) => {
  const characters = [...text];
  return fc
    .tuple(fc.nat(characters.length), fc.nat(characters.length))
    .map(([a, b]) => characters.slice(Math.min(a, b), Math.max(a, b)).join(''));
});
const text = fc.oneof(
  fc.constantFrom(...texts),
  piece,
  piece,
  fc.string({ unit: 'grapheme', maxLength: 3 }).filter((made) => !made.includes('\0')),
);
/** One or two conditions: more seldom hold at once. */
const conditions = (each: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> =>
  fc
    .subarray(Object.keys(each), { minLength: 1, maxLength: 2 })
    .chain((picked) => fc.record(Object.fromEntries(picked.map((operator) => [operator, maybe(each[operator] as fc.Arbitrary<unknown>)]))));
const list = <T>(value: fc.Arbitrary<T>) => fc.array(value, { maxLength: 5 });
const textFilter = conditions({ eq: text, in: list(text), startsWith: piece, contains: piece });
const whole = fc.oneof(fc.integer({ min: -1, max: 11 }), fc.integer({ min: 0, max: 100 }), fc.constantFrom(2 ** 31 - 1, -(2 ** 31), -0));
const wholeFilter = conditions({ eq: whole, in: list(whole), gte: whole, lte: whole });
const inside = moments.filter((moment) => ![1, 9_999].includes(moment.getUTCFullYear()));
const near = fc.tuple(fc.constantFrom(...inside), fc.integer({ min: -1, max: 1 })).map(([moment, ms]) => new Date(moment.getTime() + ms));
const moment = fc.oneof(near, fc.constantFrom(...moments));
const timeFilter = conditions({ gte: moment, lt: moment });
const labelFilter = (labels: readonly string[]) =>
  conditions({ eq: fc.constantFrom(...labels), in: fc.subarray([...labels]), notIn: fc.subarray([...labels]) });
const fields = {
  assessmentId: textFilter,
  state: labelFilter(states),
  type: labelFilter(types),
  source: labelFilter(sources),
  serverName: textFilter,
  ...{ priority: wholeFilter, progress: wholeFilter, retryCount: wholeFilter },
  ...{ createdAt: timeFilter, updatedAt: timeFilter, completedAt: timeFilter },
};
const nesting = fc.createDepthIdentifier();
const { filter } = fc.letrec<{ filter: AssessmentFilter }>((tie) => ({
  // Few fields at a time: a filter with many seldom matches anything.
  filter: fc
    .tuple(fc.subarray(Object.keys(fields) as (keyof typeof fields)[], { minLength: 1, maxLength: 2 }), fc.boolean(), fc.boolean())
    .chain(([picked, hasOr, hasNot]) =>
      fc.record({
        ...Object.fromEntries(picked.map((field) => [field, maybe(fields[field])])),
        ...(hasOr && {
          or: fc.oneof({ maxDepth: 3, depthIdentifier: nesting }, fc.constant(null), fc.array(tie('filter'), { maxLength: 3 })),
        }),
        ...(hasNot && { not: fc.oneof({ maxDepth: 3, depthIdentifier: nesting }, fc.constant(null), tie('filter')) }),
      }),
    ),
}));

async function bySql(where: AssessmentFilter): Promise<string[]> {
  const found = await setup.store.database.$queryRaw<{ id: string }[]>(
    Prisma.sql`select s.assessment_id as id from assessment_states s where ${filterToSql(where)}`,
  );
  return found.map(({ id }) => id).toSorted();
}

const inMemory = (where: AssessmentFilter): string[] =>
  rows
    .filter(filterToPredicate(where))
    .map(({ assessmentId }) => assessmentId)
    .toSorted();

describe('a filter', () => {
  test('means the same in SQL, for lists, and in memory, for feeds', async () => {
    const shares = { none: 0, some: 0, all: 0 };
    await fc.assert(
      fc.asyncProperty(filter, async (where) => {
        const matching = await bySql(where);
        expect(inMemory(where)).toEqual(matching);
        shares[matching.length === 0 ? 'none' : matching.length === rows.length ? 'all' : 'some']++;
      }),
      { numRuns: 1_500 },
    );
    expect(shares.none).toBeGreaterThan(50);
    expect(shares.some).toBeGreaterThan(200);
    expect(shares.all).toBeGreaterThan(50);
  });

  test.each<AssessmentFilter>([
    ...[{}, { or: [] }, { or: [{}] }, { not: {} }, { not: { or: [] } }, { not: { not: { or: [] } } }],
    ...[{ state: { in: [] } }, { state: { notIn: [] } }, { serverName: { in: [] } }, { not: { serverName: { in: [] } } }],
    ...[{ serverName: { contains: '' } }, { not: { serverName: { contains: '' } } }, { not: { not: { serverName: { startsWith: '' } } } }],
    ...[{ completedAt: { lt: new Date(base) } }, { not: { completedAt: { lt: new Date(base) } } }],
    ...[{ not: { completedAt: { gte: new Date(base + 1), lt: new Date(base + 2) } } }, { completedAt: null, or: null, not: null }],
    ...[
      { createdAt: { gte: new Date(base + 1), lt: new Date(base + 2) } },
      { createdAt: { gte: new Date(base + 1), lt: new Date(base + 1) } },
    ],
  ])('%j means the same too', async (where) => {
    expect(inMemory(where)).toEqual(await bySql(where));
  });

  test.each<[string, object]>([
    ['where.serverName.notIn', { serverName: { notIn: [] } }],
    ['where.state.startsWith', { state: { startsWith: 'P' } }],
    ['where.progress.lt', { progress: { lt: 1 } }],
    ['where.createdAt.eq', { createdAt: { eq: new Date(base) } }],
    ['where.createdAt.gte', { createdAt: { gte: new Date(Number.NaN) } }],
    ['where.priority.eq', { priority: { eq: Number.NaN } }],
    ['where.message', { message: { eq: 'x' } }],
  ])('with %s is refused in both readings', (path, where) => {
    const filters = new FeedFilters();
    for (const read of [filterToSql, filterToPredicate, (given: object) => filters.use('default', given)]) {
      expect(() => read(where)).toThrow(InvalidInputError);
      expect(() => read(where)).toThrow(path);
    }
    expect(filters.size).toBe(0);
  });

  test('that is none is refused also where another looks alike as JSON', () => {
    const filters = new FeedFilters();
    const { filter: shared, release } = filters.use('default', { createdAt: { gte: null } });
    expect(() => filters.use('default', { createdAt: { gte: new Date(Number.NaN) } })).toThrow(InvalidInputError);
    const again = filters.use('default', { createdAt: { gte: null } });
    expect(again.filter).toBe(shared);
    expect(filters.use('other', { createdAt: { gte: null } }).filter).not.toBe(shared);
    release();
    expect(filters.size).toBe(2);
    again.release();
    expect(filters.size).toBe(1);
  });
});
