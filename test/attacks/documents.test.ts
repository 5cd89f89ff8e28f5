import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';
import { type Reply, type Sent, transports } from '../support/transports.ts';

let target: AttackTarget;
beforeAll(async () => {
  target = await startAttackTarget();
});
afterAll(() => target.stop());

const many = (count: number, piece: (number: number) => string): string =>
  Array.from({ length: count }, (_, number) => piece(number)).join(' ');
/** Each fragment spreads the next twice, the last selects something: 2 to the power of `count` in all. */
const fanOut = (count: number, last: string): string =>
  `{ ...f0 } ${many(count, (n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`)} fragment f${count} on Query { ${last} }`;
const page = '(first: 100) { nodes { auditTrail(first: 100) { nodes { versionTo } } } }';
const introspection = (depth: number): string => `fields { type { ${depth > 0 ? introspection(depth - 1) : 'name'} } }`;

interface Attack {
  sent: Sent;
  code?: string;
  limit?: string;
}

const tooDeep: Record<string, Attack> = {
  'selections nested 2,000 deep': {
    sent: { query: `{ ${'node(id: "x") { ... on Assessment { '.repeat(1_000)} id ${'} }'.repeat(1_000)} }` },
    code: 'GRAPHQL_PARSE_FAILED',
  },
  'selections nested 60 deep': { sent: { query: `{ ${'node(id: "x") { '.repeat(60)} id ${'}'.repeat(60)} }` }, limit: 'depth' },
  'selections nested 60 deep, by fragments': {
    sent: { query: `{ ...f0 } ${many(60, (n) => `fragment f${n} on Query { a { ...f${n + 1} } }`)} fragment f60 on Query { __typename }` },
    limit: 'depth',
  },
  '2,000 fragments in a row': {
    sent: { query: `{ ...f0 } ${many(2_000, (n) => `fragment f${n} on Query { ...f${n + 1} }`)} fragment f2000 on Query { __typename }` },
    limit: 'depth',
  },
  'types asked for their fields, and these for their types, again and again': {
    sent: { query: `{ __schema { types { ${introspection(6)} } } }` },
  },
};

const tooMuch: Record<string, Attack> = {
  '100,000 tokens': { sent: { query: `{ ${'__typename '.repeat(100_000)} }` }, code: 'GRAPHQL_PARSE_FAILED' },
  '6,000 aliases': { sent: { query: `{ ${many(6_000, (n) => `a${n}: __typename`)} }` }, limit: 'aliases' },
  '10,000 aliases': { sent: { query: `{ ${many(10_000, (n) => `a${n}: __typename`)} }` }, code: 'GRAPHQL_PARSE_FAILED' },
  '10,000 aliases, in fragments': {
    sent: {
      query: `{ ${many(100, (n) => `...f${n}`)} } ${many(100, (n) => `fragment f${n} on Query { ${many(50, (m) => `a${n}_${m}: __typename`)} }`)}`,
    },
    limit: 'aliases',
  },
  'fragments that fan out to 2^60 fields': { sent: { query: fanOut(60, '__typename') }, limit: 'rootFields' },
  'fragments that fan out to 2^60 aliases': { sent: { query: fanOut(60, 'a: __typename') }, limit: 'aliases' },
  'fragments that fan out to 2^60 directives': { sent: { query: fanOut(60, '__typename @skip(if: true)') }, limit: 'directives' },
  'fragments that fan out to 2^1,000 fields': { sent: { query: fanOut(400, '__typename') }, limit: 'rootFields' },
  '9,000 directives': { sent: { query: `{ __typename ${'@a '.repeat(9_000)} }` }, limit: 'directives' },
  '5,000 directives that there are': { sent: { query: `{ ${'__typename @skip(if: true) '.repeat(2_000)} }` }, limit: 'directives' },
  'directives on variables': {
    sent: { query: `query (${many(500, (n) => `$v${n}: Int @a @b`)}) { __typename }` },
    limit: 'directives',
  },
  '19,000 times the same field': { sent: { query: `{ ${'__typename '.repeat(19_000)} }` }, limit: 'rootFields' },
  '3,000 times the same field, further down': { sent: { query: `{ health { ${'status '.repeat(3_000)} } }` } },
};

const costly: Record<string, Attack> = {
  'pages of pages, by aliases': { sent: { query: `{ ${many(20, (n) => `a${n}: assessments${page}`)} }` }, limit: 'cost' },
  'pages of pages, by a variable': {
    sent: {
      query: `query ($n: Int) { ${many(20, (n) => `a${n}: assessments(first: $n) { nodes { auditTrail(first: $n) { nodes { versionTo } } } }`)} }`,
      variables: { n: 100 },
    },
    limit: 'cost',
  },
  'pages of pages, by the default of a variable': {
    sent: {
      query: `query ($n: Int = 100) { ${many(20, (n) => `a${n}: assessments(first: $n) { nodes { auditTrail(last: $n) { nodes { versionTo } } } }`)} }`,
    },
    limit: 'cost',
  },
  'pages of pages, by a fragment': {
    sent: {
      query: `{ ${many(20, (n) => `a${n}: assessments(first: 100) { ...p }`)} } fragment p on AssessmentConnection { nodes { auditTrail(first: 100) { edges { node { versionTo } } } } }`,
    },
    limit: 'cost',
  },
  'a hundred counts of everything': {
    sent: { query: `{ ${many(100, (n) => `a${n}: assessments(first: 1) { totalCount }`)} }` },
    limit: 'cost',
  },
  'batches of 10,000, four at a time': {
    sent: {
      query: `mutation ($i: BatchUpdateProgressInput!) { ${many(4, (n) => `a${n}: batchUpdateProgress(input: $i) { results { ... on UpdateProgressPayload { assessment { state } } } }`)} }`,
      variables: { i: { updates: Array.from({ length: 10_000 }, () => ({ assessmentId: 'there', progress: 1 })) } },
    },
    limit: 'cost',
  },
};

/** Refused as what it is, with nothing of the inside. */
function expectRefused({ status = 400, data, errors = [] }: Reply, { code = 'GRAPHQL_VALIDATION_FAILED', limit }: Attack): void {
  expect(status).toBeLessThan(500);
  expect(data ?? null).toBeNull();
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.length).toBeLessThanOrEqual(6);
  for (const { extensions } of errors) expect(extensions).toMatchObject({ code, ...(limit !== undefined && { limit }) });
  expect(JSON.stringify(errors)).not.toMatch(/node_modules|\.ts:|\.js:|Maximum call stack|INTERNAL/);
}

describe.each(Object.entries(transports))('%s', (_, send) => {
  test.each(Object.entries({ ...tooDeep, ...tooMuch, ...costly }))('%s: refused', async (_name, attack) => {
    expectRefused(await send(target.url, attack.sent), attack);
    await target.expectUnharmed();
  });
});

describe('a subscription', () => {
  const events = `subscription { assessmentUpdated(assessmentId: "there") { ${many(10, (n) => `a${n}: assessment { auditTrail(first: 100) { nodes { ${many(10, (m) => `b${m}: id`)} } } }`)} } }`;
  test.each(Object.entries(transports))('that would cost too much with every event is refused (%s)', async (_, send) => {
    const service = await startAttackTarget({ MAX_OPERATION_COST: 1_000 });
    try {
      expectRefused(await send(service.url, { query: events }), { sent: {}, limit: 'cost' });
      await service.expectUnharmed();
    } finally {
      await service.stop();
    }
  });
});

test('2,000 documents of half a megabyte, each another one, do not stay in memory', async () => {
  const padding = 'x'.repeat(500_000);
  for (let number = 0; number < 2_000; number += 10)
    await Promise.all(
      Array.from({ length: 10 }, (_, at) => target.send(`# ${number + at} ${padding}\n{ ${at % 2 === 0 ? '__typename' : 'a { b'} }`)),
    );
  await target.expectUnharmed();
}, 180_000);

test('500 large trees, each another one, do not stay in memory', async () => {
  const document = (number: number): string =>
    `query q${number} { assessments(where: { or: [${'{ priority: { eq: 1 } } '.repeat(1_500)}] }) { nodes { id } } }`;
  for (let number = 0; number < 500; number++) await target.send(document(number));
  await target.expectUnharmed();
}, 180_000);
