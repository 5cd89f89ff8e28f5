import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(async () => {
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(faults).toEqual([]);
});

const depth = 50_000;
const deep = `${'{ a '.repeat(depth)}${'}'.repeat(depth)}`;

/** What stands before it makes a careless reader take the nesting for a comment or a string; GraphQL does not. */
const hidden: Record<string, string> = {
  'a comment that ends with a carriage return': `#\r${deep}`,
  'a comment with a quote': `# "\n${deep}`,
  'a comment with three quotes': `# """\n${deep}`,
  'a string with a hash': `query ($a: String = "#") ${deep}`,
  'a string with an escaped quote': `query ($a: String = "\\"") ${deep}`,
  'a string with an escaped backslash': `query ($a: String = "\\\\") ${deep}`,
  'an empty string': `query ($a: String = "") ${deep}`,
  'an empty block string': `query ($a: String = """""") ${deep}`,
  'a block string with an escaped end': `query ($a: String = """ \\""" """) ${deep}`,
  'a block string with a quote before its end': `query ($a: String = """ a" """) ${deep}`,
  'a block string with a backslash': `query ($a: String = """ \\ """) ${deep}`,
  'a string that is not closed on its line': `query ($a: String = "\r${deep}`,
  'a byte order mark': `\ufeff${deep}`,
  'a lone backslash': `\\${deep}`,
};

test.each(Object.entries(hidden))('a document nested 50,000 deep behind %s is refused, and no fault', async (_, document) => {
  const { status, data, errors } = await service.send(document);
  expect(status).toBeLessThan(500);
  expect(data ?? null).toBeNull();
  expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['GRAPHQL_PARSE_FAILED']);
});

const harmless: Record<string, string> = {
  'in a string': `query ($a: String = "${'{ '.repeat(1_000)}") { __typename @skip(if: false) h: assessments(search: $a) { totalCount } }`,
  'in a block string': `query ($a: String = """${'[ ( '.repeat(100)}""") { __typename h: assessments(search: $a) { totalCount } }`,
  'in a comment': `# ${'{ '.repeat(1_000)}\n{ __typename }`,
};
test.each(Object.entries(harmless))('brackets %s are no nesting', async (_, document) => {
  const { data, errors = [] } = await service.send<Record<string, unknown> | null>(document);
  // What was searched for is too long, and refused for that; the document was read.
  expect(errors.map(({ extensions }) => extensions['code']).filter((code) => code !== 'BAD_USER_INPUT')).toEqual([]);
  expect(data === null || data['__typename'] === 'Query').toBe(true);
});

test('a string of 15 MiB, closed or not, is no fault', async () => {
  const text = 'x\\"'.repeat(5 * 1024 * 1024);
  for (const document of [
    `{ assessment(assessmentId: "${text}") { id } }`,
    `{ a(b: "${text}`,
    `{ a(b: """${text}`,
    '"'.repeat(1_000_000),
    '"""\\'.repeat(1_000_000),
  ]) {
    const begun = performance.now();
    const { status, errors } = await service.send(document);
    expect(status).toBeLessThan(500);
    expect(errors?.[0]?.extensions['code']).toMatch(/^(GRAPHQL_PARSE_FAILED|BAD_USER_INPUT|REQUEST_ENTITY_TOO_LARGE)$/);
    expect(performance.now() - begun).toBeLessThan(10_000);
  }
});
