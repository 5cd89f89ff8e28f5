import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
  const input = { assessmentId: 'known', type: 'HEALTH', serverName: '100%_\\web', metadata: { note: 'A ticket: OPS-42' } };
  await service.send('mutation ($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename } }', { input });
});
afterAll(async () => {
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(faults).toEqual([]);
});

type Found = Answer<{ assessments: { totalCount: number; nodes: { assessmentId: string }[] } } | null>;
const list = (variables: Record<string, unknown>): Promise<Found> =>
  service.send(
    'query ($where: AssessmentFilter, $search: String) { assessments(where: $where, search: $search) { totalCount nodes { assessmentId } } }',
    variables,
  );

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const nested = (depth: number, wrap: (inner: object) => object): object => (depth === 0 ? {} : wrap(nested(depth - 1, wrap)));
const names = (count: number, prefix = 'n') => times(count, (index) => `${prefix}${index}`);

describe('a filter that is more than the service will do is refused, naming where', () => {
  const tooMuch: Record<string, object> = {
    '10,000 conditions': { or: times(10_000, (index) => ({ priority: { eq: index } })) },
    '201 conditions': { or: times(201, (index) => ({ priority: { eq: index } })) },
    'a list of 10,000 values': { assessmentId: { in: names(10_000) } },
    'not, 199 deep': nested(199, (not) => ({ not })),
    'or, 99 deep': nested(99, (inner) => ({ or: [inner] })),
    '100,000 empty alternatives': { or: times(100_000, () => ({})) },
  };
  test.each(Object.entries(tooMuch))('%s', async (_, where) => {
    const { status, data, errors } = await list({ where });
    expect({ status, data: data ?? null, extensions: errors?.[0]?.extensions }).toMatchObject({
      ...{ status: 200, data: null },
      extensions: { code: 'BAD_USER_INPUT', argument: 'where' },
    });
  });

  test('nested deeper than the executor could walk, it is refused too, naming the variable', async () => {
    const { status, errors } = await list({ where: nested(1_000, (not) => ({ not })) });
    expect(status).toBeLessThan(500);
    expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('$where'), extensions: { code: 'BAD_USER_INPUT' } });
  });
});

describe('a filter at the limit is answered', () => {
  const asMuch: Record<string, [object, number]> = {
    '200 conditions': [{ or: times(200, () => ({ priority: { eq: 5 } })) }, 1],
    'a list of 1,000 values': [{ assessmentId: { in: [...names(999), 'known'] } }, 1],
    '66 lists of 1,000 values, more than a statement has parameters': [
      { or: times(66, (index) => ({ assessmentId: { in: [...names(999, `${index}-`), 'known'] } })) },
      1,
    ],
    'conditions that contradict one another': [{ priority: { eq: 5, gte: 6 } }, 0],
    'null everywhere': [{ assessmentId: null, state: { eq: null, in: null }, or: null, not: null }, 1],
    'an empty list': [{ state: { in: [] } }, 0],
    'or without alternatives': [{ or: [] }, 0],
    'not of nothing': [{ not: {} }, 0],
    'the wildcards of LIKE as plain characters': [{ serverName: { startsWith: '100%_\\', contains: '%_\\w' } }, 1],
    'a wildcard that must not match': [{ serverName: { startsWith: '%' } }, 0],
    'a text of 1 MiB': [{ serverName: { contains: '%'.repeat(1024 * 1024) } }, 0],
    'quotes and SQL': [{ serverName: { eq: `'; drop table assessment_states; --` } }, 0],
    'the whole range of Int': [{ priority: { gte: -(2 ** 31), lte: 2 ** 31 - 1 }, retryCount: { in: [2 ** 31 - 1, 0] } }, 1],
    'the first and the last moment': [{ createdAt: { gte: '0001-01-01T00:00:00Z', lt: '9999-12-31T23:59:59.999Z' } }, 1],
  };
  test.each(Object.entries(asMuch))('%s', async (_, [where, count]) => {
    const { data, errors } = await list({ where });
    expect({ errors, count: data?.assessments.totalCount }).toEqual({ errors: undefined, count });
  });
});

describe('a search with whatever people type is answered', () => {
  const typed: Record<string, [string, number]> = {
    'a word': ['ticket', 1],
    'a phrase': ['"a ticket"', 1],
    'a phrase that was not closed': ['"ticket', 1],
    'a word that must be absent': ['-ticket', 0],
    'nothing but a quote': ['"', 0],
    'nothing but punctuation': [`-!&|()<->:*\\'"%;`, 0],
    'operators of tsquery': ['ticket & !ops | (web:*)', 1],
    emoji: ['💥', 0],
    SQL: [`'); drop table assessment_states; --`, 0],
    'a word of 500 characters': ['x'.repeat(500), 0],
    '250 words': ['x '.repeat(249), 0],
    'a word from right to left': ['\u202eשלום', 0],
  };
  test.each(Object.entries(typed))('%s', async (_, [search, count]) => {
    const { data, errors } = await list({ search });
    expect({ errors, count: data?.assessments.nodes.length }).toEqual({ errors: undefined, count });
  });
});
