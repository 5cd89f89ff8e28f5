import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());
beforeEach(() => {
  service.logged.length = 0;
});

interface Reply {
  status: number;
  text: string;
}

/** A body as it is, without a client in between that would mend it. */
async function post(body: string | Uint8Array<ArrayBuffer>, contentType = 'application/json'): Promise<Reply> {
  const response = await fetch(service.url, { method: 'POST', headers: { 'content-type': contentType, accept: 'application/json' }, body });
  return { status: response.status, text: await response.text() };
}

const operation = (query: string): string => JSON.stringify({ query });

/** Answered as a mistake of the client: with a status below 500, in GraphQL's form, and not as a fault of the service. */
function expectRefused({ status, text }: Reply): { message: string; extensions?: Record<string, unknown> } {
  expect(status, text.slice(0, 500)).toBeLessThan(500);
  const { data, errors = [] } = JSON.parse(text) as {
    data?: unknown;
    errors?: { message: string; extensions?: Record<string, unknown> }[];
  };
  const [error] = errors;
  if (error === undefined) throw new Error(`not refused: ${text.slice(0, 500)}`);
  expect(data ?? null).toBeNull();
  expect(error.extensions?.['code']).not.toBe('INTERNAL');
  expect(text).not.toMatch(/node_modules|\.ts:|\.js:|Maximum call stack/);
  return error;
}

/** The service still does its work, and has logged no fault. */
async function expectUnharmed(): Promise<void> {
  const { data } = await service.send('{ health { status } }');
  expect(data).toEqual({ health: { status: 'HEALTHY' } });
  expect(service.logged.map((line) => JSON.parse(line) as { level: number }).filter(({ level }) => level >= 50)).toEqual([]);
}

const nested: Record<string, string> = {
  'selections, 2,000 deep': `{ ${'node(id: "x") { ...on Assessment { '.repeat(1_000)} id ${'} }'.repeat(1_000)} }`,
  'selections, 100,000 deep': `${'{ a '.repeat(100_000)}${'}'.repeat(100_000)}`,
  'lists, 100,000 deep': `{ nodes(ids: ${'['.repeat(100_000)}${']'.repeat(100_000)}) { id } }`,
  'objects, 100,000 deep': `{ assessments(where: ${'{ not: '.repeat(100_000)}{}${'}'.repeat(100_000)}) { nodes { id } } }`,
  'a list type, 100,000 deep': `query ($a: ${'['.repeat(100_000)}Int${']'.repeat(100_000)}) { __typename }`,
  'opened and never closed, 100,000 deep': '{a'.repeat(100_000),
  'parentheses, 100,000 deep': `{ a${'('.repeat(100_000)}`,
  'fragments that spread one another in a circle': '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }',
  'brackets hidden behind an unfinished string': `{ a(b: "${'{'.repeat(10)}\n${'{ a '.repeat(10_000)}`,
};
for (const [name, document] of Object.entries(nested)) {
  test(`a document with ${name} is refused`, async () => {
    expectRefused(await post(operation(document)));
    await expectUnharmed();
  });
}

test('a chain of 3,000 fragments, each spreading the next, is answered or refused, and no fault', async () => {
  const chain = Array.from({ length: 3_000 }, (_, number) => `fragment f${number} on Query { ...f${number + 1} }`);
  const { status, text } = await post(operation(`{ ...f0 } ${chain.join(' ')} fragment f3000 on Query { __typename }`));
  expect(status, text.slice(0, 500)).toBeLessThan(500);
  expect(text).not.toMatch(/INTERNAL|Maximum call stack/);
  await expectUnharmed();
});

test('a document of 100,000 tokens is refused', async () => {
  const { message } = expectRefused(await post(operation(`{ ${'__typename '.repeat(100_000)} }`)));
  expect(message).toMatch(/token/i);
  await expectUnharmed();
});

test('a document of 10,000 aliases is answered or refused, and no fault', async () => {
  const aliases = Array.from({ length: 10_000 }, (_, number) => `a${number}: __typename`);
  const { status, text } = await post(operation(`{ ${aliases.join(' ')} }`));
  expect(status).toBeLessThan(500);
  expect(text).not.toMatch(/INTERNAL/);
  await expectUnharmed();
});

test('variables nested 100,000 deep, declared or not, are no fault', async () => {
  const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
  for (const body of [
    `{"query":"{ __typename }","variables":{"unused":${deep}}}`,
    `{"query":"query ($f: AssessmentFilter) { assessments(where: $f) { nodes { id } } }","variables":{"f":${deep}}}`,
    `{"query":"query ($f: AssessmentFilter) { assessments(where: $f) { nodes { id } } }","variables":{"f":${deep.replaceAll('"a"', '"not"')}}}`,
    `{"query":"{ __typename }","extensions":${deep}}`,
    deep,
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  ]) {
    const { status, text } = await post(body);
    expect(status, text.slice(0, 300)).toBeLessThan(500);
    expect(text).not.toMatch(/INTERNAL|Maximum call stack/);
  }
  await expectUnharmed();
});

test('a request with what is not the JSON of an operation is refused', async () => {
  const invalidUtf8 = new Uint8Array([...Buffer.from('{"query":"{ __typename '), 0xff, 0xfe, ...Buffer.from('}"}')]);
  for (const body of [
    '',
    '{',
    'null',
    '1',
    '"{ __typename }"',
    '[]',
    '{}',
    '{"query":null}',
    '{"query":{}}',
    '{"query":""}',
    '\u0000',
    invalidUtf8,
  ]) {
    expectRefused(await post(body));
  }
  for (const variables of ['[]', '"x"', '1']) expectRefused(await post(`{"query":"{ __typename }","variables":${variables}}`));
  await expectUnharmed();
});

test('a body that claims to be compressed, or of a type that is not taken, is refused', async () => {
  const response = await fetch(service.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: 'not gzip',
  });
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  expect((await post('x', 'image/png')).status).toBe(415);
  await expectUnharmed();
});

test('a page of another site cannot send a mutation as a form: urlencoded, multipart and plain text are not taken', async () => {
  const mutation = 'mutation { createAssessment(input: { assessmentId: "forged", type: HEALTH }) { __typename } }';
  const form = new URLSearchParams({ query: mutation }).toString();
  const multipart = `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${operation(mutation)}\r\n--x\r\ncontent-disposition: form-data; name="map"\r\n\r\n{}\r\n--x--\r\n`;
  const replies = [
    await post(form, 'application/x-www-form-urlencoded'),
    await post(multipart, 'multipart/form-data; boundary=x'),
    await post(operation(mutation), 'text/plain'),
  ];
  const { data } = await service.send('{ assessment(assessmentId: "forged") { id } }');
  expect(data).toEqual({ assessment: null });
  expect(replies.map(({ status }) => status)).toEqual([415, 415, 415]);
});

test('a body over the limit is refused with 413, also when it does not say how long it is', async () => {
  const padding = 'x'.repeat(17 * 1024 * 1024);
  expect((await post(JSON.stringify({ query: '{ __typename }', padding }))).status).toBe(413);
  const piece = new TextEncoder().encode('x'.repeat(1024 * 1024));
  let pieces = 0;
  const body = new ReadableStream({ pull: (controller) => (pieces++ < 17 ? controller.enqueue(piece) : controller.close()) });
  const streamed: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    duplex: 'half',
  };
  expect((await fetch(service.url, streamed)).status).toBe(413);
  await expectUnharmed();
});

test('a query may come by GET, a mutation may not', async () => {
  const get = (query: string) => fetch(`${service.url}?${new URLSearchParams({ query })}`, { headers: { accept: 'application/json' } });
  const query = await get('{ assessments(first: 1) { nodes { id } } }');
  expect({ status: query.status, answer: await query.json() }).toEqual({ status: 200, answer: { data: { assessments: { nodes: [] } } } });
  const mutation = await get('mutation { createAssessment(input: { assessmentId: "by-get", type: HEALTH }) { __typename } }');
  expect(mutation.status).toBe(405);
  const { data } = await service.send('{ assessment(assessmentId: "by-get") { id } }');
  expect(data).toEqual({ assessment: null });
});
