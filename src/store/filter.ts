import { Prisma } from '../generated/prisma/client.ts';
import type { Assessment } from './assessment.ts';
import { InvalidInputError } from './errors.ts';
import { textProblem } from './json.ts';
import type { AssessmentState } from './lifecycle.ts';

type Maybe<T> = T | null | undefined;
export interface StringFilter {
  eq?: Maybe<string>;
  in?: Maybe<string[]>;
  startsWith?: Maybe<string>;
  contains?: Maybe<string>;
}
export interface IntFilter {
  eq?: Maybe<number>;
  in?: Maybe<number[]>;
  gte?: Maybe<number>;
  lte?: Maybe<number>;
}
export interface DateTimeFilter {
  gte?: Maybe<Date>;
  lt?: Maybe<Date>;
}
export interface EnumFilter<T> {
  eq?: Maybe<T>;
  in?: Maybe<T[]>;
  notIn?: Maybe<T[]>;
}

/**
 * Which assessments. Fields and their conditions are joined by AND; what is null or not given is no condition. `in: []` and
 * `or: []` match nothing. A condition on a field that has no value is false, and `not` makes it true.
 */
export interface AssessmentFilter {
  assessmentId?: Maybe<StringFilter>;
  state?: Maybe<EnumFilter<AssessmentState>>;
  type?: Maybe<EnumFilter<Assessment['type']>>;
  source?: Maybe<EnumFilter<Assessment['source']>>;
  serverName?: Maybe<StringFilter>;
  priority?: Maybe<IntFilter>;
  progress?: Maybe<IntFilter>;
  retryCount?: Maybe<IntFilter>;
  createdAt?: Maybe<DateTimeFilter>;
  updatedAt?: Maybe<DateTimeFilter>;
  completedAt?: Maybe<DateTimeFilter>;
  or?: Maybe<AssessmentFilter[]>;
  not?: Maybe<AssessmentFilter>;
}

const maxConditions = 200;
const maxListed = 1_000;
const maxDepth = 10;

/**
 * The filter as a condition on `assessment_states s`. Every value is a parameter.
 * @throws InvalidInputError naming what is wrong, from `where` on.
 */
export function filterToSql(filter: AssessmentFilter): Prisma.Sql {
  const budget = { left: maxConditions };
  return conjunction(filter, ['where'], budget);
}

interface Budget {
  left: number;
}

function conjunction(filter: AssessmentFilter, path: string[], budget: Budget): Prisma.Sql {
  if (path.length > maxDepth * 2) throw refused(path.slice(0, 6), `must not be nested deeper than ${maxDepth} levels`);
  const { or, not, ...fields } = filter;
  const parts = Object.entries(fields).flatMap(([field, conditions]) =>
    conditions ? fieldConditions(field as Field, conditions, [...path, field], budget) : [],
  );
  if (or) {
    const branches = or.map((branch, index) => conjunction(branch, [...path, 'or', String(index)], budget));
    parts.push(branches.length > 0 ? Prisma.sql`(${Prisma.join(branches, ' or ')})` : Prisma.sql`false`);
  }
  if (not) parts.push(Prisma.sql`(${conjunction(not, [...path, 'not'], budget)}) is not true`);
  return parts.length > 0 ? Prisma.sql`(${Prisma.join(parts, ' and ')})` : Prisma.sql`true`;
}

type Field = Exclude<keyof AssessmentFilter, 'or' | 'not'>;

const columns: Record<Field, Prisma.Sql> = {
  assessmentId: Prisma.sql`s.assessment_id`,
  state: Prisma.sql`s.state`,
  type: Prisma.sql`s.type`,
  source: Prisma.sql`s.source`,
  serverName: Prisma.sql`s.server_name`,
  priority: Prisma.sql`s.priority`,
  progress: Prisma.sql`s.progress`,
  retryCount: Prisma.sql`s.retry_count`,
  createdAt: Prisma.sql`s.created_at`,
  updatedAt: Prisma.sql`s.updated_at`,
  completedAt: Prisma.sql`s.completed_at`,
};

/** How a value of the field stands in SQL; enum labels are lower-case there. */
const literals: Record<Field, (value: unknown) => Prisma.Sql> = {
  assessmentId: (value) => Prisma.sql`${value}`,
  state: (value) => Prisma.sql`${lower(value)}::assessment_state`,
  type: (value) => Prisma.sql`${lower(value)}::assessment_type`,
  source: (value) => Prisma.sql`${lower(value)}::assessment_source`,
  serverName: (value) => Prisma.sql`${value}`,
  priority: (value) => Prisma.sql`${value}::int`,
  progress: (value) => Prisma.sql`${value}::int`,
  retryCount: (value) => Prisma.sql`${value}::int`,
  createdAt: (value) => Prisma.sql`${value}::timestamptz`,
  updatedAt: (value) => Prisma.sql`${value}::timestamptz`,
  completedAt: (value) => Prisma.sql`${value}::timestamptz`,
};

const lower = (value: unknown): string => String(value).toLowerCase();

function fieldConditions(field: Field, conditions: object, path: string[], budget: Budget): Prisma.Sql[] {
  const column = columns[field];
  if (column === undefined) throw refused(path, 'is not a field of an assessment that can be filtered by');
  return Object.entries(conditions).flatMap(([operator, operand]: [string, unknown]) => {
    if (operand === null || operand === undefined) return [];
    if (--budget.left < 0) throw refused(['where'], `must not have more than ${maxConditions} conditions`);
    return [condition(field, column, operator, operand, [...path, operator])];
  });
}

function condition(field: Field, column: Prisma.Sql, operator: string, operand: unknown, path: string[]): Prisma.Sql {
  const literal = (value: unknown): Prisma.Sql => literals[field](checked(value, path));
  switch (operator) {
    case 'eq':
      return Prisma.sql`${column} = ${literal(operand)}`;
    case 'gte':
      return Prisma.sql`${column} >= ${literal(operand)}`;
    case 'lte':
      return Prisma.sql`${column} <= ${literal(operand)}`;
    case 'lt':
      return Prisma.sql`${column} < ${literal(operand)}`;
    case 'in':
      return listed(operand, path, literal, (values) => Prisma.sql`${column} in (${values})`, Prisma.sql`false`);
    case 'notIn':
      return listed(operand, path, literal, (values) => Prisma.sql`${column} not in (${values})`, Prisma.sql`true`);
    case 'startsWith':
      return Prisma.sql`${column} like ${`${escapeLike(operand, path)}%`}`;
    case 'contains':
      return Prisma.sql`${column} like ${`%${escapeLike(operand, path)}%`}`;
    default:
      throw refused(path, 'is not a condition');
  }
}

function listed(
  operand: unknown,
  path: string[],
  literal: (value: unknown) => Prisma.Sql,
  matches: (values: Prisma.Sql) => Prisma.Sql,
  whenEmpty: Prisma.Sql,
): Prisma.Sql {
  const values = operand as unknown[];
  if (values.length > maxListed) throw refused(path, `must not list more than ${maxListed} values`);
  return values.length > 0 ? matches(Prisma.join(values.map(literal))) : whenEmpty;
}

const escapeLike = (operand: unknown, path: string[]): string => String(checked(operand, path)).replaceAll(/[\\%_]/g, '\\$&');

function checked(value: unknown, path: string[]): unknown {
  const problem = typeof value === 'string' ? textProblem(value) : undefined;
  if (problem !== undefined) throw refused(path, problem);
  if (value instanceof Date && (Number.isNaN(value.getTime()) || Math.abs(value.getUTCFullYear()) > 9_999))
    throw refused(path, 'must be a valid date and time');
  return value;
}

const refused = (path: string[], message: string): InvalidInputError => new InvalidInputError([{ path, message }]);
