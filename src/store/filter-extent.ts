import type { AssessmentFilter } from './filter.ts';

/** How much of the assessments a filter lets through, as far as can be told without looking at them. */
type Extent = 'ALL' | 'NONE' | 'SOME';

/**
 * Whether a filter, which has been checked, says nothing about which assessments are meant: it has no condition at all, or by its form
 * lets every assessment through, as `not: { state: { in: [] } }` and `assessmentId: { startsWith: "" }` do.
 */
export const isUnlimited = (filter: AssessmentFilter): boolean => !hasCondition(filter) || extentOf(filter) === 'ALL';

const branchesOf = ({ or, not }: AssessmentFilter): AssessmentFilter[] => [...(or ?? []), ...(not ? [not] : [])];

/** The conditions on fields: operator and operand. */
const conditionsOf = ({ or: _, not: __, ...fields }: AssessmentFilter): [string, unknown][] =>
  Object.values(fields).flatMap((conditions) =>
    Object.entries(conditions ?? {}).filter(([, operand]) => operand !== null && operand !== undefined),
  );

const hasCondition = (filter: AssessmentFilter): boolean => conditionsOf(filter).length > 0 || branchesOf(filter).some(hasCondition);

function extentOf(filter: AssessmentFilter): Extent {
  const parts = conditionsOf(filter).map(extentOfCondition);
  if (filter.or) parts.push(anyOf(filter.or.map(extentOf)));
  if (filter.not) parts.push(opposite[extentOf(filter.not)]);
  return opposite[anyOf(parts.map((part) => opposite[part]))];
}

function extentOfCondition([operator, operand]: [string, unknown]): Extent {
  if (operator === 'in' && isEmpty(operand)) return 'NONE';
  return (operator === 'notIn' && isEmpty(operand)) || ((operator === 'startsWith' || operator === 'contains') && operand === '')
    ? 'ALL'
    : 'SOME';
}

const isEmpty = (list: unknown): boolean => Array.isArray(list) && list.length === 0;
const opposite = { ALL: 'NONE', NONE: 'ALL', SOME: 'SOME' } as const;
const anyOf = (extents: readonly Extent[]): Extent =>
  extents.includes('ALL') ? 'ALL' : extents.every((extent) => extent === 'NONE') ? 'NONE' : 'SOME';
