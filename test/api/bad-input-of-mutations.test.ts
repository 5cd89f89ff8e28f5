import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../../src/schema/index.ts';
import { hasBounds, hasLiteral, mistyped, outOfBounds } from '../support/bad-values.ts';
import { literalOf, type Slot, slotsOf, withValueAt } from '../support/input-slots.ts';
import { type Mutation, mutations } from '../support/mutations.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(async () => {
  const psql = await service.database.connect();
  const { rows } = await psql.query('select count(*)::int as kept from assessment_states');
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect({ rows, faults }).toEqual({ rows: [{ kept: 0 }], faults: [] });
});

/** An input of each mutation that is right but for what a test puts in. */
const rightInputs: Record<string, Record<string, unknown>> = {
  createAssessment: { assessmentId: 'bad', type: 'HEALTH' },
  startProcessing: { assessmentId: 'bad' },
  updateProgress: { assessmentId: 'bad', progress: 1 },
  completeAssessment: { assessmentId: 'bad', result: {} },
  failAssessment: { assessmentId: 'bad', error: 'e' },
  cancelAssessment: { assessmentId: 'bad' },
  retryAssessment: { assessmentId: 'bad' },
};

type Result = Record<string, { __typename: string; fields?: { path: string[]; message: string }[] }>;
type Way = (mutation: Mutation, slot: Slot, value: unknown) => Promise<Answer<Result>>;

const inVariables: Way = (mutation, { path }, value) =>
  service.send<Result>(mutation.document, { ...withValueAt({ input: rightInputs[mutation.name] }, path, value) });

const asLiteral: Way = (mutation, { path }, value) => {
  const { input } = { input: undefined, ...withValueAt({ input: rightInputs[mutation.name] }, path, value) };
  const document = mutation.document
    .replace(/^mutation \(.*?\)/, 'mutation')
    .replace('(input: $input)', `(input: ${literalOf(input, mutation.input)})`);
  return service.send<Result>(document);
};

/** Refused before it is run, as a mistake of the client. */
function expectRequestError({ status, data, errors = [] }: Answer, codes: string[], named?: string): void {
  expect(status).toBeLessThan(500);
  expect(data ?? null).toBeNull();
  expect(errors.length).toBeGreaterThan(0);
  for (const { message, extensions } of errors) {
    expect(codes, message).toContain(extensions['code']);
    if (named !== undefined) expect(message).toContain(named);
  }
}

/** Answered with InvalidInputError that names the field. */
function expectInvalidInput({ status, data, errors }: Answer<Result>, { name }: Mutation, path: string[]): void {
  expect({ status, errors }).toEqual({ status: 200, errors: undefined });
  const { __typename, fields = [] } = data[name] ?? {};
  expect(__typename).toBe('InvalidInputError');
  expect(fields.map((field) => field.path.slice(0, path.length))).toContainEqual(path);
}

for (const mutation of mutations) {
  describe(mutation.name, () => {
    const field = schema.getMutationType()?.getFields()[mutation.name] ?? expect.fail('no such mutation');
    for (const slot of slotsOf('Mutation', field)) {
      const place = slot.path.join('.');

      test(`${place}: what is not of its type is refused by name`, async () => {
        const values = [...mistyped(slot.type), ...(slot.required ? [undefined] : [])];
        for (const value of values) {
          expectRequestError(await inVariables(mutation, slot, value), ['BAD_USER_INPUT'], slot.path.at(-1));
          if (slot.path.length > 1) expectRequestError(await asLiteral(mutation, slot, value), ['GRAPHQL_VALIDATION_FAILED']);
        }
      });

      if (!hasBounds(slot.type)) continue;
      const bad = outOfBounds[slot.owner];
      test(`${place}: its bad values are known`, () => expect(bad, `no entry for ${slot.owner} in outOfBounds`).toBeDefined());
      test.each(Object.entries(bad ?? {}))(`${place}: %s is answered with InvalidInputError`, async (_, value) => {
        expectInvalidInput(await inVariables(mutation, slot, value), mutation, slot.path.slice(1));
        // A key of a literal is a name, and cannot be wrong in such a way.
        if (/\bkey\b/.test(_)) return;
        const answer = await asLiteral(mutation, slot, value);
        if (hasLiteral(value)) expectInvalidInput(answer, mutation, slot.path.slice(1));
        else expectRequestError(answer, ['GRAPHQL_PARSE_FAILED']);
      });
    }
  });
}

test('every entry of the table of bad values stands for a place that there is', () => {
  const query = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap((field) => slotsOf('Query', field));
  const mutation = Object.values(schema.getMutationType()?.getFields() ?? {}).flatMap((field) => slotsOf('Mutation', field));
  const owners = new Set([...query, ...mutation].map(({ owner }) => owner));
  expect(Object.keys(outOfBounds).filter((owner) => !owners.has(owner) && !owner.startsWith('Assessment.auditTrail.'))).toEqual([]);
});
