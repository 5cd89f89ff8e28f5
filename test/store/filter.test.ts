import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Assessment, AssessmentFilter } from '../../src/store/index.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let all: Assessment[];

const names = [null, 'web-1', 'web-2', 'WEB-1', '100%', '100x', 'a_b', 'axb', 'a\\b', 'ümlaut', `o'hara`, ''];

beforeAll(async () => {
  setup = await startTestStore();
  const { store } = setup;
  const types = ['HEALTH', 'SECURITY', 'COMPLIANCE'] as const;
  const sources = ['API', 'INSTALLER'] as const;
  for (const [index, name] of [...names, ...names].entries()) {
    const assessmentId = `key_${index}%`;
    const type = types[index % 3] ?? 'HEALTH';
    await store.createAssessment(
      { assessmentId, type, source: sources[index % 2], serverName: name === '' ? null : name, priority: 1 + (index % 10), maxRetries: 1 },
      actor,
    );
    if (index % 5 > 0) await store.startProcessing({ assessmentId }, actor);
    if (index % 5 > 1) await store.updateProgress({ assessmentId, progress: index }, actor);
    if (index % 5 === 2) await store.completeAssessment({ assessmentId, result: {} }, actor);
    if (index % 5 === 3) await store.failAssessment({ assessmentId, error: 'x', retryable: index % 2 === 0 }, actor);
    if (index % 5 === 4) await store.cancelAssessment({ assessmentId }, actor);
  }
  all = (await store.listAssessments({ first: 100 }, actor)).items.map(({ node }) => node);
});
afterAll(() => setup.stop());

const keysOf = (assessments: readonly Assessment[]) => assessments.map(({ assessmentId }) => assessmentId).toSorted();
async function matching(where: AssessmentFilter): Promise<string[]> {
  const { items } = await setup.store.listAssessments({ where, first: 100 }, actor);
  expect(await setup.store.countAssessments({ where }, actor)).toBe(items.length);
  return keysOf(items.map(({ node }) => node));
}

/** The meaning of a filter, said a second time in TypeScript. */
function matches(filter: AssessmentFilter, assessment: Assessment): boolean {
  const { or, not, ...fields } = filter;
  for (const [field, conditions] of Object.entries(fields)) {
    const value = assessment[field as keyof Assessment];
    for (const [operator, operand] of Object.entries(conditions ?? {})) {
      if (operand !== null && operand !== undefined && !holds(operator, value, operand)) return false;
    }
  }
  if (or && !or.some((branch) => matches(branch, assessment))) return false;
  return !(not && matches(not, assessment));
}

function holds(operator: string, value: unknown, operand: unknown): boolean {
  if (value === null) return false;
  if (operator === 'in') return (operand as unknown[]).includes(value);
  if (operator === 'notIn') return !(operand as unknown[]).includes(value);
  if (operator === 'startsWith') return String(value).startsWith(String(operand));
  if (operator === 'contains') return String(value).includes(String(operand));
  const [a, b] = [value, operand].map((side) => (side instanceof Date ? side.getTime() : side)) as [number, number];
  if (operator === 'eq') return a === b;
  if (operator === 'gte') return a >= b;
  if (operator === 'lte') return a <= b;
  if (operator === 'lt') return a < b;
  throw new Error(`what does ${operator} mean?`);
}

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 3 });
const strings = fc.constantFrom('web', 'web-1', 'key_', 'key_1%', '%', '_', '\\', 'a\\b', '100%', 'x', '', 'ü', `'`, '1');
const stringFilter = fc.record(
  { eq: maybe(strings), in: maybe(fc.array(strings, { maxLength: 3 })), startsWith: maybe(strings), contains: maybe(strings) },
  { requiredKeys: [] },
);
const intFilter = (most: number) => {
  const int = fc.integer({ min: -1, max: most });
  return fc.record({ eq: maybe(int), in: maybe(fc.array(int, { maxLength: 3 })), gte: maybe(int), lte: maybe(int) }, { requiredKeys: [] });
};
const enumFilter = <T extends string>(...values: T[]) => {
  const list = fc.subarray(values);
  return fc.record({ eq: maybe(fc.constantFrom(...values)), in: maybe(list), notIn: maybe(list) }, { requiredKeys: [] });
};
const dates = fc.nat(23).map((index) => all[index]?.updatedAt ?? new Date(0));
const dateFilter = fc.record({ gte: maybe(dates), lt: maybe(dates) }, { requiredKeys: [] });
/** How many conditions a filter has; more than 200 are refused. */
const sizeOf = ({ or, not, ...fields }: AssessmentFilter): number =>
  Object.values(fields).reduce((sum, conditions) => sum + Object.keys(conditions ?? {}).length, 0) +
  [...(or ?? []), ...(not ? [not] : [])].reduce((sum, branch) => sum + sizeOf(branch), 0);

const nesting = fc.createDepthIdentifier();
const { filter } = fc.letrec<{ filter: AssessmentFilter }>((tie) => ({
  filter: fc.record(
    {
      assessmentId: stringFilter,
      state: enumFilter('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED'),
      type: enumFilter('HEALTH', 'SECURITY', 'COMPLIANCE'),
      source: enumFilter('API', 'INSTALLER', 'COMPLIANCE'),
      serverName: stringFilter,
      priority: intFilter(11),
      progress: intFilter(101),
      retryCount: intFilter(2),
      createdAt: dateFilter,
      updatedAt: dateFilter,
      completedAt: dateFilter,
      or: fc.oneof({ maxDepth: 2, depthIdentifier: nesting }, fc.constant(null), fc.array(tie('filter'), { maxLength: 3 })),
      not: fc.oneof({ maxDepth: 2, depthIdentifier: nesting }, fc.constant(null), tie('filter')),
    },
    { requiredKeys: [] },
  ),
}));

describe('a filter', () => {
  test('means the same in SQL as it does in TypeScript', async () => {
    // One field at a time first: a filter of many seldom matches anything.
    const single = fc.tuple(filter, fc.nat()).map(([whole, pick]) => {
      const entries = Object.entries(whole);
      return Object.fromEntries(entries.length > 0 ? [entries[pick % entries.length] ?? ['or', null]] : []) as AssessmentFilter;
    });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          single,
          filter.filter((whole) => sizeOf(whole) <= 200),
        ),
        async (where) => {
          expect(await matching(where)).toEqual(keysOf(all.filter((assessment) => matches(where, assessment))));
        },
      ),
      { numRuns: 150, endOnFailure: true },
    );
  });

  test('takes %, _ and \\ as they are written', async () => {
    const named = async (serverName: NonNullable<AssessmentFilter['serverName']>) => {
      const { items } = await setup.store.listAssessments({ where: { serverName }, first: 100 }, actor);
      return [...new Set(items.map(({ node }) => node.serverName))].toSorted();
    };
    expect(await named({ contains: '%' })).toEqual(['100%']);
    expect(await named({ startsWith: 'a_' })).toEqual(['a_b']);
    expect(await named({ contains: '\\' })).toEqual(['a\\b']);
    expect(await named({ contains: `'` })).toEqual([`o'hara`]);
    expect(await named({ startsWith: 'web' })).toEqual(['web-1', 'web-2']);
  });

  test('on a field without a value is false, and `not` makes it true', async () => {
    const without = keysOf(all.filter(({ serverName }) => serverName === null));
    expect(without.length).toBeGreaterThan(0);
    expect(await matching({ serverName: { contains: '' } })).toEqual(keysOf(all.filter(({ serverName }) => serverName !== null)));
    expect(await matching({ not: { serverName: { contains: '' } } })).toEqual(without);
    expect(await matching({ not: { not: { serverName: { eq: 'web-1' } } } })).toHaveLength(2);
    const unended = keysOf(all.filter(({ completedAt }) => completedAt === null));
    expect(await matching({ not: { completedAt: { gte: new Date(0) } } })).toEqual(unended);
  });

  test('of nothing matches everything, and a choice of nothing matches nothing', async () => {
    const everything = keysOf(all);
    for (const where of [
      {},
      { state: {} },
      { state: null, or: null, not: null },
      { serverName: { eq: null } },
      { not: { or: [] } },
      { or: [{}] },
    ]) {
      expect(await matching(where)).toEqual(everything);
    }
    for (const where of [{ or: [] }, { assessmentId: { in: [] } }, { not: {} }, { not: { state: { notIn: [] } } }]) {
      expect(await matching(where)).toEqual([]);
    }
  });
});
