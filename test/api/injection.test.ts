import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../../src/schema/index.ts';
import { hasLiteral } from '../support/bad-values.ts';
import { hostileStrings, snapshotOf, unstorableStrings } from '../support/hostile-strings.ts';
import { literalOf, type Slot, slotsOf, withValueAt } from '../support/input-slots.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';
import { fillTenant } from '../support/two-tenants.ts';

let service: TestApp;
let before: unknown;
beforeAll(async () => {
  service = await startTestApp();
  await fillTenant(service.app.store, { tenantId: 'bystander', subject: 'x' });
  await service.send('mutation { createAssessment(input: { assessmentId: "known", type: HEALTH }) { __typename } }');
  before = await snapshotOf(service.database);
});
afterAll(async () => {
  const after = await snapshotOf(service.database);
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(faults).toEqual([]);
  expect(after).toEqual(before);
});

type Field = GraphQLField<unknown, unknown>;
type Values = Record<string, unknown>;

/** Every field with arguments that an operation can reach, and what it stands in. */
interface Target {
  name: string;
  operation: 'query' | 'mutation' | 'subscription';
  field: Field;
  within: (selection: string) => string;
}
const fieldsOf = (type: GraphQLObjectType | null | undefined): Field[] =>
  Object.values(type?.getFields() ?? {}).filter(({ args }) => args.length > 0);
const asIs = (selection: string): string => selection;
const targets: Target[] = [
  ...fieldsOf(schema.getQueryType()).map((field) => ({ name: `Query.${field.name}`, operation: 'query' as const, field, within: asIs })),
  ...fieldsOf(schema.getMutationType()).map((field) => ({
    name: `Mutation.${field.name}`,
    operation: 'mutation' as const,
    field,
    within: asIs,
  })),
  ...fieldsOf(schema.getSubscriptionType()).map((field) => ({
    ...{ name: `Subscription.${field.name}`, operation: 'subscription' as const, field, within: asIs },
  })),
  ...fieldsOf(schema.getType('Assessment') as GraphQLObjectType).map((field) => ({
    ...{ name: `Assessment.${field.name}`, operation: 'query' as const, field },
    within: (selection: string) => `assessment(assessmentId: "known") { ${selection} }`,
  })),
];

test('every type whose fields take arguments is among them', () => {
  const withArguments = Object.values(schema.getTypeMap()).filter(
    (type) =>
      !type.name.startsWith('__') && 'getFields' in type && !isInputObjectType(type) && fieldsOf(type as GraphQLObjectType).length > 0,
  );
  expect(withArguments.map(({ name }) => name).toSorted()).toEqual(['Assessment', 'Mutation', 'Query', 'Subscription']);
});

/** A value of the type that is right, with no more in it than there must be. */
function rightValue(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return rightValue(type.ofType);
  if (isListType(type)) return rightValue(type.ofType); // one is a list of one
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) return requiredOf(Object.values(type.getFields()));
  const scalars: Values = {
    Int: 1,
    Boolean: false,
    DateTime: '2026-01-01T00:00:00Z',
    JSONObject: {},
    ID: 'QXNzZXNzbWVudDow',
    String: 'known',
  };
  return scalars[getNamedType(type).name];
}
const requiredOf = (places: readonly { name: string; type: GraphQLInputType; defaultValue?: unknown }[]): Values =>
  Object.fromEntries(
    places.flatMap(({ name, type, defaultValue }) => (isNonNullType(type) && defaultValue === undefined ? [[name, rightValue(type)]] : [])),
  );

/** The arguments with the value in its place; on the way there, what else has to be. */
function argumentsWith(field: Field, path: string[], value: unknown): Values {
  const all = { ...requiredOf(field.args), ...(field.name === 'waitForAssessment' && { timeoutMs: 0 }) };
  return withValueAt(filled(all, field.args, path), path, value) as Values;
}
function filled(values: Values, places: readonly { name: string; type: GraphQLInputType }[], [name = '', ...rest]: string[]): Values {
  const named = getNamedType(places.find((place) => place.name === name)?.type as GraphQLInputType);
  if (rest.length === 0 || !isInputObjectType(named)) return values;
  const inner = Object.values(named.getFields());
  return { ...values, [name]: filled({ ...requiredOf(inner), ...Object(values[name]) }, inner, rest) };
}

/** The places that take a text, and what puts one there. */
const takesText = (slot: Slot): boolean => ['String', 'ID', 'JSONObject'].includes(getNamedType(slot.type).name);
const valuesAt = ({ type }: Slot, text: string): unknown[] =>
  getNamedType(type).name === 'JSONObject'
    ? [{ a: text, list: [text] }, { [text]: { [text]: text } }]
    : [text, ...(isListType(isNonNullType(type) ? type.ofType : type) ? [['a', text]] : [])];

const errorSelection = '... on Error { code message }';
const selectionOf = ({ type }: Field): string => {
  const named = getNamedType(type);
  if (!isCompositeType(named)) return '';
  return `{ __typename ${'getTypes' in named && 'getFields' in named === false ? errorSelection : ''} }`;
};

function documentsOf({ operation, field, within }: Target, values: Values): { query: string; variables?: Values }[] {
  const used = field.args.filter(({ name }) => name in values);
  const declared = used.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const passed = used.map(({ name }) => `${name}: $${name}`).join(', ');
  const literals = used.map(({ name, type }) => `${name}: ${literalOf(values[name], type)}`).join(', ');
  const selection = (args: string): string => within(`${field.name}(${args}) ${selectionOf(field)}`);
  return [
    { query: `${operation} (${declared}) { ${selection(passed)} }`, variables: values },
    // A key of a literal is a name, and takes no text.
    ...(hasLiteral(values) && !/\{"[^"]*[^\w"]/.test(JSON.stringify(values)) ? [{ query: `${operation} { ${selection(literals)} }` }] : []),
  ];
}

/** Top-level codes of docs/errors.md that a text may be answered with. None says that something went wrong in the service. */
const topLevel = ['BAD_USER_INPUT', 'NOT_FOUND', 'CURSOR_EXPIRED', 'GRAPHQL_PARSE_FAILED'];
const refusals = ['INVALID_INPUT', 'NOT_FOUND', 'ALREADY_EXISTS', 'INVALID_TRANSITION', 'VERSION_CONFLICT', 'CLAIM_LOST'];

function expectHarmless({ status, data, errors = [] }: Pick<Answer, 'data' | 'errors'> & { status?: number }, query: string): void {
  expect(status ?? 200, query).toBeLessThan(500);
  for (const { message, extensions } of errors) expect(topLevel, `${query}: ${message}`).toContain(extensions['code']);
  for (const answer of Object.values(data ?? {})) {
    const code = Object(answer).code;
    if (code !== undefined) expect(refusals).toContain(code);
  }
}

/** The first that a subscription is answered with: its first update, or its refusal. */
async function firstOf(query: string, variables: Values | undefined): Promise<Pick<Answer, 'data' | 'errors'>> {
  const client = service.connect();
  for await (const answer of client.iterate({ query, ...(variables && { variables }) })) return answer as unknown as Answer;
  throw new Error(`ended without an answer: ${query}`);
}

async function run(target: Target, slot: Slot, value: unknown): Promise<void> {
  const values = argumentsWith(target.field, slot.path, value);
  if (target.operation !== 'subscription') {
    for (const { query, variables } of documentsOf(target, values)) expectHarmless(await service.send(query, variables), query);
    return;
  }
  // With a filter that lets something through beside: what comes shows that the text was taken.
  const where = values['where'] ? { where: { or: [values['where'], { assessmentId: { eq: 'known' } }] }, after: '0' } : {};
  for (const { query, variables } of documentsOf(target, { ...values, ...where })) {
    const answer = await firstOf(query, variables).catch((error: unknown) => ({ data: {}, errors: error as Answer['errors'] }));
    expectHarmless(answer as Answer, query);
  }
}

const places = targets.flatMap((target) =>
  slotsOf(target.name.split('.')[0] ?? '', target.field)
    .filter(takesText)
    .map((slot) => ({ target, slot })),
);
const texts = [...Object.values(hostileStrings), ...Object.values(unstorableStrings)];
/** All of them at the first place that an input object is used in; some, ever other ones, where it is used again. */
const textsAt = (slot: Slot, index: number): string[] =>
  places.findIndex(({ slot: { owner } }) => owner === slot.owner) === index ? texts : texts.filter((_, place) => (place + index) % 6 === 0);

describe.each(targets.filter((target) => places.some((place) => place.target === target)))('$name', (target) => {
  test.each(places.flatMap(({ target: of, slot }, index) => (of === target ? [[slot.path.join('.'), slot, index] as const] : [])))(
    '%s: every hostile text is a text like any other',
    async (_, slot, index) => {
      const values = textsAt(slot, index).flatMap((text) => valuesAt(slot, text));
      const lane = async (): Promise<void> => {
        for (let value = values.pop(); value !== undefined; value = values.pop()) await run(target, slot, value);
      };
      await Promise.all(Array.from({ length: 8 }, lane));
    },
  );
});

test.each(Object.entries(hostileStrings))('%s comes back through the API as it was sent', async (_, text) => {
  const metadata = { a: text, [text]: [text] };
  const assessmentId = `b${text}`.slice(0, 255);
  const input = { assessmentId, type: 'SECURITY', serverName: text, metadata, options: { serverFilter: [text] } };
  const create = 'mutation ($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename } }';
  expect((await service.send(create, { input })).data).toEqual({ createAssessment: { __typename: 'CreateAssessmentPayload' } });
  const read = 'query ($id: String!) { assessment(assessmentId: $id) { id assessmentId serverName requestData } }';
  const { data } = await service.send<{ assessment: Values }>(read, { id: assessmentId });
  const { id, requestData } = data.assessment;
  expect([data.assessment['assessmentId'], data.assessment['serverName']]).toEqual([assessmentId, text]);
  expect(Object(requestData)).toMatchObject({ metadata, options: { serverFilter: [text] } });
  const node = await service.send('query ($id: ID!) { node(id: $id) { ... on Assessment { assessmentId } } }', { id });
  expect(node.data).toEqual({ node: { assessmentId } });
  const list =
    'query ($key: String!, $text: String!) { assessments(where: { assessmentId: { eq: $key }, serverName: { contains: $text } }) { nodes { assessmentId } } }';
  expect((await service.send(list, { key: assessmentId, text })).data).toEqual({ assessments: { nodes: [{ assessmentId }] } });
});
