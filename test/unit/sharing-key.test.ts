import { type ExecutionArgs, parse } from 'graphql';
import { expect, test } from 'vitest';
import { sharingKey } from '../../src/http/sharing-key.ts';
import { schema } from '../../src/schema/index.ts';
import type { Actor } from '../../src/store/index.ts';

const actor: Actor = { tenantId: 'a', subject: 'one' };

function keyOf(query: string, variableValues: Record<string, unknown>, given: Partial<ExecutionArgs> & { actor?: object } = {}): string {
  const { actor: other, ...args } = given;
  return sharingKey({ schema, document: parse(query), variableValues, contextValue: { actor: { ...actor, ...other } }, ...args });
}

const trail = `query Other { __typename }
  subscription Trail($where: AssessmentFilter, $after: String, $first: Int, $shown: Boolean = true) {
    ...Root
  }
  fragment Root on Subscription { changes: assessmentFeed(where: $where, after: $after) { ...Update } }
  fragment Update on AssessmentUpdate { kind assessment { version @include(if: $shown) auditTrail(first: $first) { nodes { reason } } } }`;

test('which updates come makes no difference, however it is said', () => {
  const key = keyOf(trail, { first: 1 });
  expect(keyOf(trail, { first: 1, after: '0' })).toBe(key);
  expect(keyOf(trail, { first: 1, where: { state: { eq: 'FAILED' } } })).toBe(key);
  expect(keyOf(trail, { first: 1, unknown: 1 })).toBe(key);
  const one = 'subscription ($id: String!, $after: Int) { assessmentUpdated(assessmentId: $id, afterVersion: $after) { kind } }';
  expect(keyOf(one, { id: 'a' })).toBe(keyOf(one, { id: 'b', after: 3 }));
});

test('how they are shown does: variables in the selection, and in directives of the field itself', () => {
  const key = keyOf(trail, { first: 1 });
  for (const other of [{ first: 2 }, {}, { first: null }, { first: 1, shown: false }, { first: 1, shown: true }])
    expect(keyOf(trail, other)).not.toBe(key);
  const directive = 'subscription ($shown: Boolean!) { assessmentFeed @include(if: $shown) { kind } }';
  expect(keyOf(directive, { shown: true })).not.toBe(keyOf(directive, { shown: false }));
  const both =
    'subscription ($text: String!) { assessmentFeed(after: $text) { assessment { auditTrail(after: $text) { nodes { reason } } } } }';
  expect(keyOf(both, { text: 'a' })).not.toBe(keyOf(both, { text: 'b' }));
});

test('the order in which a variable says the same makes none', () => {
  const nested = 'query ($where: AssessmentFilter) { assessments(where: $where) { totalCount } }';
  const where = { state: { eq: 'FAILED' }, type: { in: ['HEALTH'] } };
  expect(keyOf(nested, { where })).toBe(keyOf(nested, { where: { type: where.type, state: where.state } }));
  expect(keyOf(nested, { where: { type: { in: ['HEALTH', 'SECURITY'] } } })).not.toBe(
    keyOf(nested, { where: { type: { in: ['SECURITY', 'HEALTH'] } } }),
  );
});

test('operations of one document are told apart', () => {
  expect(keyOf(trail, {}, { operationName: 'Trail' })).not.toBe(keyOf(trail, {}, { operationName: 'Other' }));
});

test('rights are told apart, names are not: those of the same rights are answered together', () => {
  const key = keyOf(trail, {});
  expect(keyOf(trail, {}, { actor: { subject: 'two' } })).toBe(key);
  expect(keyOf(trail, {}, { actor: { tenantId: 'b' } })).not.toBe(key);
  expect(keyOf(trail, {}, { actor: { roles: ['auditor'] } })).not.toBe(key);
});
