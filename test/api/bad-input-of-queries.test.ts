import { type GraphQLField, type GraphQLObjectType, getNamedType, isCompositeType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../../src/schema/index.ts';
import { hasBounds, hasLiteral, mistyped, outOfBounds } from '../support/bad-values.ts';
import { literalOf, type Slot, slotsOf, withValueAt } from '../support/input-slots.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
  await service.send('mutation { createAssessment(input: { assessmentId: "known", type: HEALTH }) { __typename } }');
});
afterAll(async () => {
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(faults).toEqual([]);
});

type Field = GraphQLField<unknown, unknown>;

/** Every field with arguments that a query can reach, with the documents that ask for it. */
interface Target {
  parent: string;
  field: Field;
  /** Puts a selection of the field where it can stand. */
  within: (selection: string) => string;
}
const fieldsWithArguments = (type: GraphQLObjectType | null | undefined): Field[] =>
  Object.values(type?.getFields() ?? {}).filter(({ args }) => args.length > 0);
const assessmentType = schema.getType('Assessment') as GraphQLObjectType;
const targets: Target[] = [
  ...fieldsWithArguments(schema.getQueryType()).map((field) => ({ parent: 'Query', field, within: (selection: string) => selection })),
  ...fieldsWithArguments(assessmentType).map((field) => ({
    ...{ parent: 'Assessment', field },
    within: (selection: string) => `assessment(assessmentId: "known") { ${selection} }`,
  })),
];

/** Arguments without which the field could not be asked for. */
const rightArguments: Record<string, Record<string, unknown>> = {
  node: { id: 'QXNzZXNzbWVudDow' },
  nodes: { ids: [] },
  assessment: { assessmentId: 'known' },
  waitForAssessment: { assessmentId: 'known', timeoutMs: 0 },
};

const selectionOf = ({ type }: Field): string => (isCompositeType(getNamedType(type)) ? '{ __typename }' : '');

function inVariables({ field, within }: Target, { path }: Slot, value: unknown): Promise<Answer> {
  const variables = withValueAt(rightArguments[field.name] ?? {}, path, value);
  const used = field.args.filter(({ name }) => name in variables);
  const declared = used.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const passed = used.map(({ name }) => `${name}: $${name}`).join(', ');
  return service.send(`query (${declared}) { ${within(`${field.name}(${passed}) ${selectionOf(field)}`)} }`, { ...variables });
}

function asLiteral({ field, within }: Target, { path }: Slot, value: unknown): Promise<Answer> {
  const values = Object.entries(withValueAt(rightArguments[field.name] ?? {}, path, value)).filter(([, given]) => given !== undefined);
  const types = new Map(field.args.map(({ name, type }) => [name, type]));
  const passed = values.map(([name, given]: [string, unknown]) => `${name}: ${literalOf(given, types.get(name))}`).join(', ');
  return service.send(`{ ${within(`${field.name}${passed && `(${passed})`} ${selectionOf(field)}`)} }`);
}

/** Refused with one top-level error; gives it. */
function refusalOf({ status, errors = [] }: Answer, code: string): NonNullable<Answer['errors']>[number] {
  const [error] = errors;
  expect(status).toBeLessThan(500);
  expect(error?.extensions['code'], error?.message).toBe(code);
  return error ?? expect.fail('not refused');
}

function expectArgumentRefused(answer: Answer, path: string[]): void {
  const { message, extensions } = refusalOf(answer, 'BAD_USER_INPUT');
  expect(extensions).toMatchObject({
    argument: path[0],
    fields: [{ path: expect.arrayContaining(path), message: expect.stringMatching(/must|is a|is not/) }],
  });
  expect(message).toContain(path.join('.'));
}

for (const target of targets) {
  describe(`${target.parent}.${target.field.name}`, () => {
    for (const slot of slotsOf(target.parent, target.field)) {
      const place = slot.path.join('.');

      test(`${place}: what is not of its type is refused by name`, async () => {
        for (const value of mistyped(slot.type)) {
          expect(refusalOf(await inVariables(target, slot, value), 'BAD_USER_INPUT').message).toContain(slot.path.at(-1));
          refusalOf(await asLiteral(target, slot, value), 'GRAPHQL_VALIDATION_FAILED');
        }
        if (slot.required) refusalOf(await asLiteral(target, slot, undefined), 'GRAPHQL_VALIDATION_FAILED');
      });

      if (!hasBounds(slot.type)) continue;
      const bad = outOfBounds[slot.owner];
      test(`${place}: its bad values are known`, () => expect(bad, `no entry for ${slot.owner} in outOfBounds`).toBeDefined());
      test.each(Object.entries(bad ?? {}))(`${place}: %s is refused with BAD_USER_INPUT`, async (_, value) => {
        expectArgumentRefused(await inVariables(target, slot, value), slot.path);
        const answer = await asLiteral(target, slot, value);
        if (hasLiteral(value)) expectArgumentRefused(answer, slot.path);
        else refusalOf(answer, 'GRAPHQL_PARSE_FAILED');
      });
    }
  });
}

for (const { field, within } of targets.filter((target) => target.field.args.some(({ name }) => name === 'last'))) {
  test(`${field.name}: first together with last is refused, naming last`, async () => {
    for (const [first, last] of [
      [1, 1],
      [0, 0],
      [100, 100],
    ]) {
      const answer = await service.send(`{ ${within(`${field.name}(first: ${first}, last: ${last}) { __typename }`)} }`);
      expectArgumentRefused(answer, ['last']);
    }
  });
}
