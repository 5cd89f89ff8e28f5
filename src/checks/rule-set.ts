import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { CheckError } from './check-error.ts';
import { defaultRuleText } from './default-rules.ts';
import { type FactKind, factNames, kindOf } from './facts.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'must be a text, a number, true or false' });
const pattern = z.string({ error: 'must be a text' }).transform((text, context) => {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    context.addIssue({ code: 'custom', message: `must be a regular expression: ${(error as Error).message}` });
    return z.NEVER;
  }
});
const number = z.number({ error: 'must be a number' });
const filled = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' });

/** The tests; each of them alone. */
const tests = {
  equals: scalar.optional(),
  oneOf: z.array(scalar, { error: 'must be a list' }).min(1, { error: 'must not be empty' }).optional(),
  atLeast: number.optional(),
  atMost: number.optional(),
  matches: pattern.optional(),
  notMatches: pattern.optional(),
  present: z.boolean({ error: 'must be true or false' }).optional(),
};
const testNames = Object.keys(tests) as (keyof typeof tests)[];
const kindsOf: Partial<Record<keyof typeof tests, FactKind>> = { atLeast: 'number', atMost: 'number', matches: 'text', notMatches: 'text' };
const typeOfKind = { text: 'string', number: 'number', truth: 'boolean' } as const;

const conditionFields = { fact: filled, ...tests };
type ConditionFields = z.output<z.ZodObject<typeof conditionFields>>;

function requireSense(condition: ConditionFields, context: z.RefinementCtx): void {
  const complain = (path: string[], message: string): void => void context.addIssue({ code: 'custom', path, message });
  const kind = kindOf(condition.fact);
  if (kind === undefined) complain(['fact'], `"${condition.fact}" is not known; known are ${factNames.join(', ')}`);
  const given = testNames.filter((name) => condition[name] !== undefined);
  if (given.length !== 1)
    complain([], `must have exactly one of ${testNames.join(', ')}${given.length > 1 ? `, not ${given.join(' and ')}` : ''}`);
  if (kind === undefined) return;
  for (const name of given) {
    if (kindsOf[name] !== undefined && kindsOf[name] !== kind) complain([name], `does not fit ${condition.fact}, which is a ${kind}`);
  }
  for (const expected of [condition.equals ?? [], condition.oneOf ?? []].flat()) {
    const field = condition.equals === undefined ? 'oneOf' : 'equals';
    if (typeof expected !== typeOfKind[kind])
      complain([field], `${JSON.stringify(expected)} does not fit ${condition.fact}, which is a ${kind}`);
  }
}

const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;
const rule = z
  .strictObject({
    id: filled.regex(/^[\w.-]{1,100}$/, { error: 'must be 1 to 100 letters, digits, and any of _ . -' }),
    title: filled,
    severity: z.enum(severities, { error: `must be one of ${severities.join(', ')}` }),
    when: z.strictObject(conditionFields).superRefine(requireSense).optional(),
    ...conditionFields,
  })
  .superRefine(requireSense);

const ruleSet = z
  .strictObject({
    name: filled,
    rules: z.array(rule, { error: 'must be a list of rules' }).min(1, { error: 'must not be empty' }).max(1_000),
  })
  .superRefine(({ rules }, context) => {
    rules.forEach(({ id }, index) => {
      if (rules.findIndex((other) => other.id === id) < index)
        context.addIssue({ code: 'custom', path: ['rules', index, 'id'], message: 'stands there twice' });
    });
  });

/** One statement about a fact, with exactly one test. */
export type Condition = ConditionFields;
export type Rule = z.output<typeof rule>;
/** The rules of a compliance check, in the order of their file. */
export type RuleSet = z.output<typeof ruleSet>;

/** Reads a rule file in YAML, which JSON is too; `source` names it in errors. @throws CheckError that names every wrong rule and field */
export function readRules(text: string, source: string): RuleSet {
  const given = parseYaml(text, source);
  const { data, error } = ruleSet.safeParse(given);
  if (error === undefined) return data;
  const problems = error.issues.map((issue) => `  - ${placeIn(given, issue.path)}${problemOf(issue)}`);
  throw new CheckError(`the rules in ${source} are not valid:\n${problems.join('\n')}`, { retryable: false });
}

/** The rules of a file; without a path those that come with the product. @throws CheckError */
export async function loadRules(path?: string): Promise<RuleSet> {
  if (path === undefined) return readRules(defaultRuleText, 'the default rules');
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new CheckError(`the rules in ${path} can't be read: ${cause.message}`, { retryable: false, cause });
  });
  return readRules(text, path);
}

function parseYaml(text: string, source: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new CheckError(`the rules in ${source} are not valid YAML: ${(cause as Error).message.trim()}`, { retryable: false, cause });
  }
}

/** Where in the file: the rule by its id, or by its number, and the field. */
function placeIn(given: unknown, [first, index, ...field]: readonly PropertyKey[]): string {
  if (first !== 'rules' || typeof index !== 'number') return first === undefined ? '' : `field "${String(first)}": `;
  const id: unknown = Object(Object(given).rules[index]).id;
  const name = typeof id === 'string' ? `rule "${id}"` : `rule ${index + 1}`;
  return field.length === 0 ? `${name}: ` : `${name}, field "${field.map(String).join('.')}": `;
}

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `has no field ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
  return issue.code === 'invalid_type' && issue.expected === 'object' ? 'must be an object with fields' : issue.message;
}
