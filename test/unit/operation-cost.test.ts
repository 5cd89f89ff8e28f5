import { GraphQLObjectType, getIntrospectionQuery, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import * as clientDocuments from '../../src/client/documents.ts';
import { parseConfig } from '../../src/config.ts';
import { shapeExcess } from '../../src/http/document-shape.ts';
import { operationCost } from '../../src/http/operation-cost.ts';
import { fieldCosts } from '../../src/schema/costs.ts';
import { schema } from '../../src/schema/index.ts';

function costOf(query: string, variables: Record<string, unknown> = {}, operationName?: string): number {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  return operationCost(schema, document, operationName, variables);
}

test.each([
  ['{ __typename }', {}, 0],
  ['{ assessment(assessmentId: "a") { state claim { workerId } } }', {}, 1 + 1 + 1],
  ['{ assessments { pageInfo { endCursor } } }', {}, 10 + 1 + 1],
  ['{ assessments { nodes { state } } }', {}, 10 + 1 + 20],
  ['{ assessments(first: 5) { edges { node { state } } totalCount } }', {}, 10 + 1 + 5 * 2 + 500],
  ['{ assessments(last: 0) { nodes { state } } }', {}, 10 + 1],
  ['{ assessments(first: 3) { nodes { auditTrail(first: 4) { nodes { versionTo } } } } }', {}, 10 + 1 + 3 * (1 + 1 + 1 + 4)],
  ['query ($n: Int) { assessments(first: $n) { nodes { state } } }', { n: 7 }, 10 + 1 + 7],
  ['query ($n: Int) { assessments(first: $n) { nodes { state } } }', {}, 10 + 1 + 20],
  ['query ($n: Int = 9) { assessments(first: $n) { nodes { state } } }', {}, 10 + 1 + 9],
  ['query ($n: Int = 9) { assessments(first: $n) { nodes { state } } }', { n: 2 }, 10 + 1 + 2],
  ['query ($n: Int) { assessments(first: $n) { nodes { state } } }', { n: 1e9 }, 10 + 1 + 100],
  ['query ($n: Int) { assessments(first: $n) { nodes { state } } }', { n: 'many' }, 10 + 1 + 20],
  ['query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: ['a', 'b', 'c'] }, 3],
  ['{ nodes(ids: ["a", "b"]) { id ... on Assessment { claim { workerId } } } }', {}, 2 * 2],
  ['{ health { checks { name } } }', {}, 100 + 1 + 10],
  // An object is of one kind: of all refusals and the payload, the dearest counts.
  [
    `mutation ($i: BatchCreateAssessmentsInput!) { batchCreateAssessments(input: $i) { results {
      ... on CreateAssessmentPayload { assessment { claim { workerId } } }
      ... on InvalidInputError { fields { message } } ... on AlreadyExistsError { assessment { state } } } } }`,
    { i: { assessments: [{}, {}, {}] } },
    100 + 1 + 3 + 3 * (1 + 2),
  ],
  [
    'mutation ($i: BatchCancelAssessmentsInput!) { batchCancelAssessments(input: $i) { assessmentIds } }',
    { i: { limit: 50 } },
    100 + 1 + 50,
  ],
  ['{ ...a ...a } fragment a on Query { assessment(assessmentId: "a") { state } }', {}, 2 * 2],
] as [string, Record<string, unknown>, number][])('%s with %j costs %i', (query, variables, cost) => {
  expect(costOf(query, variables)).toBe(cost);
});

test('of several operations, the one that is run counts', () => {
  const document = 'query Small { __typename } query Large { assessments(first: 100) { nodes { state } } }';
  expect([costOf(document, {}, 'Small'), costOf(document, {}, 'Large')]).toEqual([0, 111]);
});

test('the same document costs what its variables of this time make it cost, in whatever order they come', () => {
  const document = parse('query ($n: Int) { a: assessments(first: $n) { nodes { state } } b: assessments(first: 1) { nodes { state } } }');
  const costs = [1, 50, 1, 100, 50, 1].map((n) => operationCost(schema, document, undefined, { n }));
  expect(costs).toEqual([24, 73, 24, 123, 73, 24]);
});

test('every root field has a cost, and every cost a field', () => {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const fields = roots.flatMap((type) => Object.keys(type?.getFields() ?? {}).map((name) => `${type?.name}.${name}`));
  expect(fields.filter((field) => !(field in fieldCosts))).toEqual([]);
  for (const field of Object.keys(fieldCosts)) {
    const [typeName = '', name = ''] = field.split('.');
    const type = schema.getType(typeName);
    expect(type instanceof GraphQLObjectType && name in type.getFields(), field).toBe(true);
  }
});

test('what the client of this package sends is within the limits, also with batches of 10,000; so is what tools ask about the schema', () => {
  const config = parseConfig({});
  const limits = {
    ...{ depth: config.MAX_DOCUMENT_DEPTH, aliases: config.MAX_DOCUMENT_ALIASES },
    ...{ directives: config.MAX_DOCUMENT_DIRECTIVES, rootFields: config.MAX_DOCUMENT_ROOT_FIELDS },
  };
  const entries = Array.from({ length: 10_000 }, () => ({}));
  const input = { assessments: entries, updates: entries, completions: entries, claimTokens: entries, limit: 10_000 };
  const texts = Object.values(clientDocuments).filter((document) => typeof document === 'string');
  expect(texts.length).toBeGreaterThan(15);
  for (const text of [...texts, getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, inputValueDeprecation: true })]) {
    expect(shapeExcess(parse(text), limits)).toBeUndefined();
    expect(costOf(text, { input, first: 100 }), text).toBeLessThanOrEqual(config.MAX_OPERATION_COST);
  }
});
