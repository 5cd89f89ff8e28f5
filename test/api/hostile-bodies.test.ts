import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
  await service.send('mutation { createAssessment(input: { assessmentId: "work", type: HEALTH }) { __typename } }');
  await service.send('mutation { startProcessing(input: { assessmentId: "work" }) { __typename } }');
});
afterAll(async () => {
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(faults).toEqual([]);
});

const mebibyte = 1024 * 1024;
const inObjects = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
const inLists = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
const ofBytes = (bytes: number, fill = 'x'): string => `{"a":"${fill.repeat((bytes - 8) / Buffer.byteLength(fill))}"}`;

/** JSON texts, as no client library would write some of them. */
const refused: Record<string, string> = {
  'objects nested 65 deep': inObjects(65),
  'objects nested 1,000 deep': inObjects(1_000),
  'objects nested 100,000 deep': inObjects(100_000),
  'lists nested 65 deep': inLists(65),
  'lists nested 1,000 deep': inLists(1_000),
  'lists nested 100,000 deep': inLists(100_000),
  'one byte more than 1 MiB': ofBytes(mebibyte + 1),
  'letters of two bytes, together more than 1 MiB': ofBytes(mebibyte + 2, 'ä'),
  'ten MiB': ofBytes(10 * mebibyte),
  '300,000 keys': `{${Array.from({ length: 300_000 }, (_, index) => `"${index}":1`).join(',')}}`,
  'a number that is none in PostgreSQL or JavaScript': '{"a":1e400}',
  'NUL in a key': '{"a\\u0000":1}',
  'NUL in a value': '{"a":"\\u0000"}',
  'a lone surrogate in a key': '{"\\ud800":1}',
  'a lone surrogate in a value': '{"a":[{"b":"\\udfff"}]}',
};
const accepted: Record<string, string> = {
  'objects nested 64 deep': inObjects(64),
  'lists nested 64 deep': inLists(64),
  'the names that JavaScript gives a meaning to':
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{}},"toJSON":1,"then":2,"hasOwnProperty":3,"$ref":"#"}',
  'escapes, controls and emoji': '{"\\u0001\\u001f\\"\\\\":"\\ud83d\\udca5 \\u2028 💥","":""}',
  'numbers at the edge': '{"a":[1e308,5e-324,-0,9007199254740993,0.1]}',
  'every kind of value': '{"a":null,"b":true,"c":[],"d":{},"e":"","f":[null,[false]]}',
};

/** Where a client gives JSON: the field, and how it comes back. */
const places = {
  metadata: {
    type: 'CreateAssessmentInput',
    mutation: 'createAssessment',
    input: (body: string, key: string) => `{"assessmentId":"${key}","type":"HEALTH","metadata":${body}}`,
  },
  result: {
    type: 'CompleteAssessmentInput',
    mutation: 'completeAssessment',
    input: (body: string, key: string) => `{"assessmentId":"${key}","result":${body}}`,
  },
};
type Place = (typeof places)[keyof typeof places];

interface Reply {
  status: number;
  answer: {
    data?: Record<string, { __typename: string; fields?: { path: string[] }[] }> | null;
    errors?: { message: string; extensions: { code: string } }[];
  };
}

async function post(body: string): Promise<Reply> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const response = await fetch(service.url, { method: 'POST', headers, body });
  return { status: response.status, answer: (await response.json()) as Reply['answer'] };
}

const selection = '{ __typename ... on InvalidInputError { fields { path } } ... on Error { message } }';
const inVariable = ({ type, mutation, input }: Place, body: string, key: string): Promise<Reply> =>
  post(`{"query":"mutation ($input: ${type}!) { ${mutation}(input: $input) ${selection} }","variables":{"input":${input(body, key)}}}`);
/** As a literal: JSON, but with bare names for keys, and for the values of enums. */
const asLiteral = ({ mutation, input }: Place, body: string, key: string): Promise<Reply> => {
  const literal = input(body, key)
    .replaceAll(/"([A-Za-z_]\w*)":/g, '$1:')
    .replace('type:"HEALTH"', 'type:HEALTH');
  return post(JSON.stringify({ query: `mutation { ${mutation}(input: ${literal}) ${selection} }` }));
};

for (const [field, place] of Object.entries(places)) {
  describe(field, () => {
    test.each(Object.entries(refused))('with %s is answered with InvalidInputError that names it', async (_, body) => {
      const { status, answer } = await inVariable(place, body, 'work');
      expect(status).toBe(200);
      expect(answer.errors).toBeUndefined();
      const result = answer.data?.[place.mutation];
      expect(result?.__typename).toBe('InvalidInputError');
      expect(result?.fields?.map(({ path }) => path[0])).toContain(field);
      expect(JSON.stringify(result).length).toBeLessThan(2_000);
    });

    test.each(Object.entries(refused).filter(([, body]) => !/"\d|\\u0000":|"\\u/.test(body)))(
      'as a literal with %s is refused, and no fault',
      async (_, body) => {
        const { status, answer } = await asLiteral(place, body, 'work');
        expect(status).toBeLessThan(500);
        const result = answer.data?.[place.mutation];
        const codes = answer.errors?.map(({ extensions }) => extensions.code) ?? [];
        if (codes.length > 0) expect(codes).toEqual(['GRAPHQL_PARSE_FAILED']);
        else expect(result).toMatchObject({ __typename: 'InvalidInputError', fields: [{ path: expect.arrayContaining([field]) }] });
      },
    );
  });
}

describe('what is accepted comes back as it was given', () => {
  let number = 0;
  let key: string;
  beforeEach(() => {
    key = `kept-${++number}`;
  });

  test.each(Object.entries(accepted))('%s', async (_, body) => {
    const created = await inVariable(places.metadata, body, key);
    expect(created.answer).toEqual({ data: { createAssessment: { __typename: 'CreateAssessmentPayload' } } });
    await service.send('mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }', { id: key });
    const completed = await inVariable(places.result, body, key);
    expect(completed.answer).toEqual({ data: { completeAssessment: { __typename: 'CompleteAssessmentPayload' } } });
    const { data } = await service.send<{ assessment: { requestData: { metadata: unknown }; resultData: unknown } }>(
      'query ($id: String!) { assessment(assessmentId: $id) { requestData resultData } }',
      { id: key },
    );
    expect(sorted(data.assessment.requestData.metadata)).toEqual(sorted(JSON.parse(body)));
    expect(sorted(data.assessment.resultData)).toEqual(sorted(JSON.parse(body)));
    expect(Object.getPrototypeOf({})).not.toHaveProperty('polluted');
  });
});

/** As text, with the keys of every object in one order; objects cannot be compared whose key is `__proto__`. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))
      : inner,
  );

test('a result may have 1 MiB to the byte; a request may as a whole, so its metadata is less', async () => {
  const body = ofBytes(mebibyte);
  await service.send('mutation { createAssessment(input: { assessmentId: "full", type: HEALTH }) { __typename } }');
  await service.send('mutation { startProcessing(input: { assessmentId: "full" }) { __typename } }');
  const result = await inVariable(places.result, body, 'full');
  expect(result.answer.data).toEqual({ completeAssessment: { __typename: 'CompleteAssessmentPayload' } });
  const request = await inVariable(places.metadata, body, 'too-much');
  expect(request.answer.data).toMatchObject({ createAssessment: { __typename: 'InvalidInputError', fields: [{ path: ['metadata'] }] } });
  const less = await inVariable(places.metadata, ofBytes(mebibyte - 200), 'just-enough');
  expect(less.answer.data).toEqual({ createAssessment: { __typename: 'CreateAssessmentPayload' } });
});

test('the assessment that all this was tried on is as it was', async () => {
  const { data } = await service.send('{ assessment(assessmentId: "work") { state version } }');
  expect(data).toEqual({ assessment: { state: 'PROCESSING', version: 2 } });
});
