import { expect, test } from 'vitest';
import { kindOfField, kindOfOperation, operationKinds } from '../../src/http/operation-kind.ts';
import { schema } from '../../src/schema/index.ts';

const rootFields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
  Object.keys(type?.getFields() ?? {}),
);

test('every root field of the schema has its kind, and there are no others', () => {
  const introspection = ['__schema', '__type', '__typename'];
  expect(Object.keys(kindOfField).toSorted()).toEqual([...rootFields, ...introspection].toSorted());
  for (const name of rootFields) expect(kindOfOperation(`{ ${name} }`, undefined)).toBe(kindOfField[name]);
});

test('a worker comes before a submitter, who comes before those who read', () => {
  const fields = ['completeAssessment', 'claimAssessments', 'createAssessment', 'assessment', 'assessmentUpdated', 'assessments'];
  expect(fields.map((name) => kindOfField[name])).toEqual([...operationKinds]);
});

test.each([
  ['its least urgent field decides', 'mutation { heartbeat { a } other: createAssessment { a } }', undefined, 'submission'],
  ['an alias is no field', '{ heartbeat: assessments { a } }', undefined, 'list'],
  ['nor is a comment, or a string', '# heartbeat\n{ assessments(where: "heartbeat") { heartbeat } }', undefined, 'list'],
  [
    'fragments are looked into',
    'query { ...F } fragment F on Query { ...G } fragment G on Query { ... { assessments { a } } }',
    undefined,
    'list',
  ],
  ['also those that lead into themselves', '{ ...F } fragment F on Query { assessment { a } ...F }', undefined, 'read'],
  ['the operation that is asked for', 'query A { assessments { a } } query B { assessment { a } }', 'B', 'read'],
  ['another one of the same document', 'query A { assessments { a } } query B { assessment { a } }', 'A', 'list'],
  ['none of those that there are', 'query A { assessment { a } } query B { assessment { a } }', undefined, 'list'],
  ['a field that there is not', '{ whatever }', undefined, 'list'],
  ['no GraphQL', '{ heartbeat', undefined, 'list'],
  ['no document', undefined, undefined, 'list'],
  ['a document that is long', `{ heartbeat ${' '.repeat(10_000)} }`, undefined, 'list'],
])('%s', (_, document, operationName, kind) => {
  expect(kindOfOperation(document, operationName)).toBe(kind);
  expect(kindOfOperation(document, operationName)).toBe(kind); // as remembered
});
