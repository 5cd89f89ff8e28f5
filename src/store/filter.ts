import { Prisma } from '../generated/prisma/client.ts';
import type { Assessment } from './assessment.ts';
import { InvalidInputError } from './errors.ts';
import { textProblem } from './json.ts';
import { type AssessmentState, assessmentStates } from './lifecycle.ts';

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
const maxBranches = 500;
const maxListed = 1_000;
const maxDepth = 10;

/**
 * The filter as a condition on `assessment_states s`. Every value is a parameter.
 * @throws InvalidInputError naming what is wrong, from `where` on.
 */
export function filterToSql(filter: AssessmentFilter): Prisma.Sql {
  const budget = { conditions: maxConditions, branches: maxBranches };
  return conjunction(filter, ['where'], budget);
}

/** What a filter may still hold. */
interface Budget {
  conditions: number;
  branches: number;
}

function conjunction(filter: AssessmentFilter, path: string[], budget: Budget): Prisma.Sql {
  if (path.length > maxDepth * 2) throw refused(path.slice(0, 6), `must not be nested deeper than ${maxDepth} levels`);
  const { or, not, ...fields } = filter;
  const parts = Object.entries(fields).flatMap(([field, conditions]) =>
    conditions ? fieldConditions(field as Field, conditions, [...path, field], budget) : [],
  );
  if (or) {
    const branches = or.map((branch, index) => {
      spendBranch(budget);
      return conjunction(branch, [...path, 'or', String(index)], budget);
    });
    parts.push(branches.length > 0 ? Prisma.sql`(${Prisma.join(branches, ' or ')})` : Prisma.sql`false`);
  }
  if (not) spendBranch(budget);
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

type Kind = 'text' | 'int' | 'time' | 'assessment_state' | 'assessment_type' | 'assessment_source';

const kinds: Record<Field, Kind> = {
  assessmentId: 'text',
  state: 'assessment_state',
  type: 'assessment_type',
  source: 'assessment_source',
  serverName: 'text',
  priority: 'int',
  progress: 'int',
  retryCount: 'int',
  createdAt: 'time',
  updatedAt: 'time',
  completedAt: 'time',
};

/** The values of a condition as one array parameter, so that a list of a thousand costs no more parameters than one value. */
const arrays: Record<Kind, (values: readonly unknown[]) => Prisma.Sql> = {
  text: (values) => Prisma.sql`${values}::text[]`,
  int: (values) => Prisma.sql`${values}::int[]`,
  time: (values) => Prisma.sql`${values}::timestamptz[]`,
  assessment_state: (values) => Prisma.sql`${lowerCase(values)}::assessment_state[]`,
  assessment_type: (values) => Prisma.sql`${lowerCase(values)}::assessment_type[]`,
  assessment_source: (values) => Prisma.sql`${lowerCase(values)}::assessment_source[]`,
};

// Labels are lower-case in the database.
const lowerCase = (values: readonly unknown[]): string[] => values.map((value) => String(value).toLowerCase());

// PostgreSQL reads no year 0 and, in this form, none of more than four digits.
const isOfCalendar = (value: unknown): boolean => value instanceof Date && value.getUTCFullYear() >= 1 && value.getUTCFullYear() <= 9_999;
const oneOf = (labels: readonly string[]) => (value: unknown) =>
  labels.includes(String(value)) ? undefined : `must be one of ${labels.join(', ')}`;

/** The conditions that there are on a field. */
const conditionsOf: Record<Kind, readonly string[]> = {
  text: ['eq', 'in', 'startsWith', 'contains'],
  int: ['eq', 'in', 'gte', 'lte'],
  time: ['gte', 'lt'],
  assessment_state: ['eq', 'in', 'notIn'],
  assessment_type: ['eq', 'in', 'notIn'],
  assessment_source: ['eq', 'in', 'notIn'],
};

/** What is wrong with a value of a condition; undefined when nothing is. */
const problems: Record<Kind, (value: unknown) => string | undefined> = {
  text: (value) => (typeof value === 'string' ? textProblem(value) : 'must be a text'),
  int: (value) => (Number.isInteger(value) && Number(value) === (Number(value) | 0) ? undefined : 'must be a whole number of 32 bits'),
  time: (value) => (isOfCalendar(value) ? undefined : 'must be a valid date and time of the years 1 to 9999 (UTC)'),
  assessment_state: oneOf(assessmentStates),
  assessment_type: oneOf(['COMPLIANCE', 'HEALTH', 'SECURITY']),
  assessment_source: oneOf(['INSTALLER', 'COMPLIANCE', 'API']),
};

function fieldConditions(field: Field, conditions: object, path: string[], budget: Budget): Prisma.Sql[] {
  if (!Object.hasOwn(columns, field)) throw refused(path, 'is not a field of an assessment that can be filtered by');
  return Object.entries(conditions).flatMap(([operator, operand]: [string, unknown]) => {
    if (operand === null || operand === undefined) return [];
    if (--budget.conditions < 0) throw refused(['where'], `must not have more than ${maxConditions} conditions`);
    return [condition(field, operator, operand, [...path, operator])];
  });
}

function condition(field: Field, operator: string, operand: unknown, path: string[]): Prisma.Sql {
  const column = columns[field];
  const kind = kinds[field];
  if (!conditionsOf[kind].includes(operator)) throw refused(path, 'is not a condition');
  const isList = operator === 'in' || operator === 'notIn';
  const values = isList && Array.isArray(operand) ? operand : [operand];
  if (values.length > maxListed) throw refused(path, `must not list more than ${maxListed} values`);
  for (const [index, value] of values.entries()) {
    const problem = problems[kind](value);
    if (problem !== undefined) throw refused(values === operand ? [...path, String(index)] : path, problem);
  }
  const array = arrays[kind](values);
  switch (operator) {
    case 'eq':
      return Prisma.sql`${column} = (${array})[1]`;
    case 'gte':
      return Prisma.sql`${column} >= (${array})[1]`;
    case 'lte':
      return Prisma.sql`${column} <= (${array})[1]`;
    case 'lt':
      return Prisma.sql`${column} < (${array})[1]`;
    case 'in':
      return Prisma.sql`${column} = any(${array})`;
    case 'notIn':
      return Prisma.sql`${column} <> all(${array})`;
    case 'startsWith':
      return Prisma.sql`${column} like ${`${escapeLike(operand)}%`}`;
    case 'contains':
      return Prisma.sql`${column} like ${`%${escapeLike(operand)}%`}`;
    default:
      throw refused(path, 'is not a condition');
  }
}

const escapeLike = (operand: unknown): string => String(operand).replaceAll(/[\\%_]/g, '\\$&');

function spendBranch(budget: Budget): void {
  if (--budget.branches < 0) throw refused(['where'], `must not have more than ${maxBranches} branches of or and not`);
}

const refused = (path: string[], message: string): InvalidInputError => new InvalidInputError([{ path, message }]);
