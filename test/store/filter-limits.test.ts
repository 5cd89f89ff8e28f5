import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentFilter, InvalidInputError } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
  await setup.store.createAssessment({ assessmentId: 'there', type: 'HEALTH' }, actor);
});
afterAll(() => setup.stop());

const list = (where: AssessmentFilter) => setup.store.listAssessments({ where }, actor);
const there: AssessmentFilter = { assessmentId: { eq: 'there' } };

function nested(levels: number, wrap: (inner: AssessmentFilter) => AssessmentFilter): AssessmentFilter {
  let filter = there;
  for (let level = 0; level < levels; level++) filter = wrap(filter);
  return filter;
}
const branches = (count: number, branch: AssessmentFilter = there): AssessmentFilter => ({
  or: Array<AssessmentFilter>(count).fill(branch),
});
const keys = (count: number) => ['there', ...Array.from({ length: count - 1 }, (_, index) => `key ${index}`)];

async function expectRefused(where: AssessmentFilter, ...path: string[]): Promise<void> {
  const error = await refusalOf(list(where));
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as InvalidInputError).fields[0]?.path.slice(0, path.length)).toEqual(path);
}

describe('a filter within its limits is answered', () => {
  test.each<[string, AssessmentFilter]>([
    ['200 conditions', branches(200)],
    ['a list of 1,000 values', { assessmentId: { in: keys(1_000) } }],
    ['200 lists of 1,000 values', branches(200, { assessmentId: { in: keys(1_000) } })],
    ['ten levels of or', nested(9, (inner) => ({ or: [inner] }))],
    ['ten levels of not', nested(10, (inner) => ({ not: inner }))],
  ])('%s', async (_, where) => {
    expect((await list(where)).items).toHaveLength(1);
  });
});

describe('a filter beyond its limits is refused by its name', () => {
  test.each<[string, AssessmentFilter, string[]]>([
    ['201 conditions', branches(201), ['where']],
    ['100,000 conditions', branches(100_000), ['where']],
    ['100,000 branches without a condition', branches(100_000, {}), ['where']],
    ['a list of 1,001 values', { assessmentId: { in: keys(1_001) } }, ['where', 'assessmentId', 'in']],
    ['nesting of 100,000 levels of not', nested(100_000, (inner) => ({ not: inner })), ['where', 'not']],
    ['nesting of 100,000 levels of or', nested(100_000, (inner) => ({ or: [inner] })), ['where', 'or', '0']],
    ['a NUL', { serverName: { contains: 'a\0' } }, ['where', 'serverName', 'contains']],
    [
      'half a surrogate pair in a list',
      { or: [there, { assessmentId: { in: ['a', '\ud800'] } }] },
      ['where', 'or', '1', 'assessmentId', 'in'],
    ],
    ['a date that is none', { createdAt: { gte: new Date(Number.NaN) } }, ['where', 'createdAt', 'gte']],
    ['a date of year 100,000', { createdAt: { gte: new Date(8.64e15) } }, ['where', 'createdAt', 'gte']],
    ['a date of year -100,000', { not: { completedAt: { lt: new Date(-8.64e15) } } }, ['where', 'not', 'completedAt', 'lt']],
    ['a number beyond 32 bits', { priority: { eq: 2 ** 31 } }, ['where', 'priority', 'eq']],
    ['a number that is none', { progress: { lte: Number.NaN } }, ['where', 'progress', 'lte']],
    ['a state that there is not', { state: { eq: 'OTHER' as never } }, ['where', 'state', 'eq']],
    ['a field that there is not', { claimToken: { eq: 'x' } } as never, ['where', 'claimToken']],
    ['a field of every object', JSON.parse('{"constructor": {"eq": "x"}}'), ['where', 'constructor']],
    ['a condition that there is not', { priority: { like: 1 } } as never, ['where', 'priority', 'like']],
  ])('%s', async (_, where, path) => {
    await expectRefused(where, ...path);
  });

  test('dates at the ends of the calendar are fine', async () => {
    const where = { createdAt: { gte: new Date('0001-01-01T00:00:00Z'), lt: new Date('9999-12-31T23:59:59Z') } };
    expect((await list(where)).items).toHaveLength(1);
  });
});
