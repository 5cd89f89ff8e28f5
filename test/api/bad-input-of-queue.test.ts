import { randomUUID } from 'node:crypto';
import { type GraphQLField, isInputObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../../src/schema/index.ts';
import { type BadValues, hasBounds, hasLiteral, mistyped } from '../support/bad-values.ts';
import { literalOf, type Slot, slotsOf, withValueAt } from '../support/input-slots.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(async () => {
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  const waiting = service.app.store.workersWaiting;
  await service.stop();
  expect({ faults, waiting }).toEqual({ faults: [], waiting: 0 });
});

const texts = (max: number): BadValues => ({
  'with NUL': 'a\0b',
  'with a lone high surrogate': 'a\ud800b',
  'with a lone low surrogate': '\udc00',
  [`of ${max + 1} characters`]: 'x'.repeat(max + 1),
  [`of ${max + 1} emoji`]: '💥'.repeat(max + 1),
});
const names: BadValues = { ...texts(255), empty: '' };
const between = (least: number, most: number): BadValues =>
  Object.fromEntries([-(2 ** 31), -1, least - 1, most + 1, 2 ** 31 - 1].filter((n) => n < least || n > most).map((n) => [String(n), n]));
const tokens: BadValues = {
  'one that is empty': [''],
  'one that is no UUID': [randomUUID(), 'token'],
  'one that is almost a UUID': ['01890a5d-ac96-774b-bcce-b302099a805'],
  'one with more than a UUID': [`${randomUUID()}'`],
  'one in braces': [`{${randomUUID()}}`],
  'one with NUL': [`${randomUUID()}\0`],
  'one with a lone surrogate': ['\ud800'],
  '10,001 of them': Array.from({ length: 10_001 }, () => '01890a5d-ac96-774b-bcce-b302099a8057'),
};
const leases = between(100, 86_400_000);

/** Values of the right type that are refused, by the {@link Slot.owner} of their place. */
const outOfBounds: Record<string, BadValues> = {
  'ClaimAssessmentsInput.workerId': names,
  'ClaimAssessmentsInput.limit': between(1, 500),
  'ClaimAssessmentsInput.types': { 'an empty list': [], '101 of them': Array.from({ length: 101 }, () => 'HEALTH') },
  'ClaimAssessmentsInput.leaseMs': leases,
  'ClaimAssessmentsInput.waitMs': between(0, 60_000),
  'HeartbeatInput.workerId': names,
  'HeartbeatInput.claimTokens': tokens,
  'HeartbeatInput.leaseMs': leases,
  'ReleaseAssessmentsInput.workerId': names,
  'ReleaseAssessmentsInput.claimTokens': tokens,
  'ReleaseAssessmentsInput.reason': texts(2_000),
};

const right: Record<string, { input: Record<string, unknown>; selection: string }> = {
  claimAssessments: { input: { workerId: 'w1' }, selection: 'claims { claimToken }' },
  heartbeat: { input: { workerId: 'w1', claimTokens: [randomUUID()] }, selection: 'results { held }' },
  releaseAssessments: { input: { workerId: 'w1', claimTokens: [randomUUID()] }, selection: 'results { released }' },
};

type Mutation = GraphQLField<unknown, unknown>;
const valuesOf = ({ name }: Mutation, { path }: Slot, value: unknown) => withValueAt({ input: right[name]?.input }, path, value);

function inVariables(mutation: Mutation, slot: Slot, value: unknown): Promise<Answer> {
  const document = `mutation ($input: ${mutation.args[0]?.type}) { ${mutation.name}(input: $input) { ${right[mutation.name]?.selection} } }`;
  return service.send(document, { ...valuesOf(mutation, slot, value) });
}

function asLiteral(mutation: Mutation, slot: Slot, value: unknown): Promise<Answer> {
  const { input } = { input: undefined, ...valuesOf(mutation, slot, value) };
  const literal = literalOf(input, mutation.args[0]?.type);
  return service.send(`mutation { ${mutation.name}(input: ${literal}) { ${right[mutation.name]?.selection} } }`);
}

/** Refused as a mistake of the client that names the place; nothing is masked. */
function expectRefusal({ status, data, errors = [] }: Answer, code: string, named?: string): void {
  expect(status).toBeLessThan(500);
  expect(Object.values(data ?? {}).filter((value) => value !== null)).toEqual([]);
  expect(errors.length).toBeGreaterThan(0);
  for (const { message, extensions } of errors) {
    expect(extensions['code'], message).toBe(code);
    if (named !== undefined) expect(message).toContain(named);
  }
}

const queueMutations = Object.keys(right).map((name) => schema.getMutationType()?.getFields()[name] ?? expect.fail(`no ${name}`));

for (const mutation of queueMutations) {
  describe(mutation.name, () => {
    test('is answered when all is right, in variables and as a literal', async () => {
      const whole = { path: ['input'], owner: '', type: mutation.args[0]?.type ?? expect.fail('no input'), required: true };
      for (const way of [inVariables, asLiteral]) {
        expect((await way(mutation, whole, right[mutation.name]?.input)).errors).toBeUndefined();
      }
    });

    for (const slot of slotsOf('Mutation', mutation)) {
      const place = slot.path.join('.');

      test(`${place}: what is not of its type is refused by name`, async () => {
        for (const value of [...mistyped(slot.type), ...(slot.required ? [undefined] : [])]) {
          expectRefusal(await inVariables(mutation, slot, value), 'BAD_USER_INPUT', slot.path.at(-1));
          if (slot.path.length > 1) expectRefusal(await asLiteral(mutation, slot, value), 'GRAPHQL_VALIDATION_FAILED');
        }
      });

      if (isInputObjectType(mutation.args[0]?.type) && slot.path.length === 1) continue;
      const bad = outOfBounds[slot.owner];
      if (!hasBounds(slot.type) && bad === undefined) continue;
      test(`${place}: its bad values are known`, () => expect(bad, `no entry for ${slot.owner}`).toBeDefined());

      test.each(Object.entries(bad ?? {}))(`${place}: %s is refused, and the field named`, async (_, value) => {
        const field = slot.path.at(-1) ?? '';
        for (const way of [inVariables, asLiteral]) {
          const answer = await way(mutation, slot, value);
          if (way === asLiteral && !hasLiteral(value)) {
            expectRefusal(answer, 'GRAPHQL_PARSE_FAILED');
            continue;
          }
          expectRefusal(answer, 'BAD_USER_INPUT', field);
          const { argument, fields } = (answer.errors?.[0]?.extensions ?? {}) as { argument: string; fields: { path: string[] }[] };
          expect(argument).toBe(field);
          expect(fields.every(({ path }) => path[0] === field)).toBe(true);
        }
      });
    }
  });
}

test('several bad fields are all named at once', async () => {
  const [claim] = queueMutations;
  const whole = { path: ['input'], owner: '', type: claim?.args[0]?.type ?? expect.fail('no input'), required: true };
  const answer = await inVariables(claim ?? expect.fail(), whole, { workerId: '', limit: 0, types: [], leaseMs: 1, waitMs: -1 });
  const { fields } = (answer.errors?.[0]?.extensions ?? {}) as { fields: { path: string[] }[] };
  expect(fields.map(({ path }) => path.join('.')).sort()).toEqual(['leaseMs', 'limit', 'types', 'waitMs', 'workerId']);
});

test('every entry of the table stands for a place that there is', () => {
  const owners = new Set(queueMutations.flatMap((mutation) => slotsOf('Mutation', mutation)).map(({ owner }) => owner));
  expect(Object.keys(outOfBounds).filter((owner) => !owners.has(owner))).toEqual([]);
});
