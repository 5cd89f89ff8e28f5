import type { Assessment } from './assessment.ts';
import { type AssessmentFilter, filterToSql } from './filter.ts';

/** What a filter may ask about. */
export type Filterable = Pick<
  Assessment,
  | 'assessmentId'
  | 'state'
  | 'type'
  | 'source'
  | 'serverName'
  | 'priority'
  | 'progress'
  | 'retryCount'
  | 'createdAt'
  | 'updatedAt'
  | 'completedAt'
>;

type Predicate = (assessment: Filterable) => boolean;
type Comparable = string | number | null;

/**
 * A filter as a predicate: the reading in memory of what `filterToSql` says in SQL. A test holds the two together.
 * @throws InvalidInputError naming what is wrong, as `filterToSql`.
 */
export function filterToPredicate(filter: AssessmentFilter): Predicate {
  filterToSql(filter); // refuses what is not a filter, or too large
  return conjunction(filter);
}

function conjunction({ or, not, ...fields }: AssessmentFilter): Predicate {
  const parts: Predicate[] = Object.entries(fields).flatMap(([field, conditions]) =>
    conditions ? conditionsOn(field as keyof Filterable, conditions) : [],
  );
  if (or) {
    const branches = or.map(conjunction);
    parts.push((assessment) => branches.some((branch) => branch(assessment)));
  }
  if (not) {
    const excluded = conjunction(not);
    parts.push((assessment) => !excluded(assessment));
  }
  return (assessment) => parts.every((part) => part(assessment));
}

const conditionsOn = (field: keyof Filterable, conditions: object): Predicate[] =>
  Object.entries(conditions).flatMap(([operator, operand]: [string, unknown]) => {
    if (operand === null || operand === undefined) return [];
    const holds = condition(operator, operand);
    return [
      (assessment: Filterable) => {
        const value = comparable(assessment[field]);
        return value !== null && holds(value); // a condition on a field without a value is false
      },
    ];
  });

const comparable = (value: unknown): Comparable => (value instanceof Date ? value.getTime() : ((value ?? null) as Comparable));

function condition(operator: string, operand: unknown): (value: NonNullable<Comparable>) => boolean {
  const wanted = comparable(operand) as NonNullable<Comparable>;
  const listed = new Set((Array.isArray(operand) ? operand : [operand]).map(comparable));
  switch (operator) {
    case 'in':
      return (value) => listed.has(value);
    case 'notIn':
      return (value) => !listed.has(value);
    case 'eq':
      return (value) => value === wanted;
    case 'gte':
      return (value) => value >= wanted;
    case 'lte':
      return (value) => value <= wanted;
    case 'lt':
      return (value) => value < wanted;
    case 'startsWith':
      return (value) => String(value).startsWith(String(wanted));
    case 'contains':
      return (value) => String(value).includes(String(wanted));
    default:
      throw new TypeError(`the filter has a condition ${operator} that has no reading in memory`);
  }
}
