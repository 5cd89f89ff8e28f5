import { type FactValue, factOf, type Scalar } from './facts.ts';
import { type Finding, subject } from './finding.ts';
import type { Observation } from './observation.ts';
import { plainText } from './plain-text.ts';
import type { Condition, Rule, RuleSet } from './rule-set.ts';

/** Holds every rule against what was seen; a rule is not applicable when its fact was not gathered, or its condition does not hold. */
export const evaluateRules = ({ rules }: RuleSet, observation: Observation): Finding[] => rules.map((rule) => evaluate(rule, observation));

function evaluate({ id, title, severity, when, ...test }: Rule, observation: Observation): Finding {
  const about = subject(id, title, severity);
  const value = factOf(test.fact, observation);
  if (when !== undefined && !holds(when, factOf(when.fact, observation)))
    return about.notApplicable(`applies when ${when.fact} ${inWords(when)}; it is ${shown(factOf(when.fact, observation))}`);
  if (value === undefined) return about.notApplicable(`${test.fact} was not gathered`);
  if (Array.isArray(value) && value.length === 0) return about.notApplicable('no cookie is set');
  const evidence = `${test.fact} is ${shown(value)}`;
  return holds(test, value) ? about.pass(evidence) : about.fail(`${evidence}; it ${inWords(test)}`);
}

/** Of a list every value has to pass. */
function holds(condition: Condition, value: FactValue | undefined): boolean {
  if (value === undefined) return false;
  return Array.isArray(value) ? value.length > 0 && value.every((one) => passes(condition, one)) : passes(condition, value);
}

function passes({ equals, oneOf, atLeast, atMost, matches, notMatches, present }: Condition, value: Scalar | null): boolean {
  if (present !== undefined) return (value !== null) === present;
  // What isn't there can't match, which is what is asked for.
  if (value === null) return notMatches !== undefined;
  if (equals !== undefined) return value === equals;
  if (oneOf !== undefined) return oneOf.includes(value);
  if (atLeast !== undefined) return Number(value) >= atLeast;
  if (atMost !== undefined) return Number(value) <= atMost;
  if (matches !== undefined) return matches.test(String(value));
  return notMatches === undefined || !notMatches.test(String(value));
}

function inWords({ equals, oneOf, atLeast, atMost, matches, notMatches, present }: Condition): string {
  if (present !== undefined) return present ? 'must be there' : 'must not be there';
  if (equals !== undefined) return `must be ${equals}`;
  if (oneOf !== undefined) return `must be one of ${oneOf.join(', ')}`;
  if (atLeast !== undefined) return `must be at least ${atLeast}`;
  if (atMost !== undefined) return `must be at most ${atMost}`;
  return matches === undefined ? `must not match ${notMatches?.source}` : `must match ${matches.source}`;
}

function shown(value: FactValue | undefined): string {
  if (value === undefined) return 'not gathered';
  if (Array.isArray(value)) return plainText(value.map(shown).join(', '));
  return value === null ? 'missing' : String(value);
}
