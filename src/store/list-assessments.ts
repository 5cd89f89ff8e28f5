import { z } from 'zod';
import { Prisma } from '../generated/prisma/client.ts';
import type { Assessment } from './assessment.ts';
import { assessmentColumns } from './columns.ts';
import { type Connection, connectionOf, decodeCursor, encodeCursor, notACursor, type Page, type Window, windowOf } from './cursor.ts';
import type { Database } from './database.ts';
import { type AssessmentFilter, filterToSql } from './filter.ts';
import { checkInput } from './inputs.ts';
import { searchCondition } from './search.ts';

export type AssessmentOrderField = 'CREATED_AT' | 'UPDATED_AT' | 'PRIORITY' | 'PROGRESS';

/** By what a list is ordered; assessments that are alike in it are ordered by their ids. */
export interface AssessmentOrder {
  field: AssessmentOrderField;
  direction: 'ASC' | 'DESC';
}

export interface ListAssessments extends Page {
  where?: AssessmentFilter | null | undefined;
  /** Words that must occur in server name, message, error or request; "quoted" for a phrase, -word for its absence. */
  search?: string | null | undefined;
  /** Default: the newest first. */
  orderBy?: AssessmentOrder | null | undefined;
}

const newestFirst: AssessmentOrder = { field: 'CREATED_AT', direction: 'DESC' };

/** A column to order by, its value in an assessment, and how a cursor holds that. */
interface Order {
  column: Prisma.Sql;
  type: Prisma.Sql;
  of: (assessment: Assessment) => unknown;
  value: z.ZodType;
}

const time = { type: Prisma.sql`timestamptz`, value: z.iso.datetime({ precision: 3 }).refine((value) => value >= '0001') };
const number = { type: Prisma.sql`int`, value: z.int32() };

const orders: Record<AssessmentOrderField, Order> = {
  CREATED_AT: { ...time, column: Prisma.sql`s.created_at`, of: (assessment) => assessment.createdAt.toISOString() },
  UPDATED_AT: { ...time, column: Prisma.sql`s.updated_at`, of: (assessment) => assessment.updatedAt.toISOString() },
  PRIORITY: { ...number, column: Prisma.sql`s.priority`, of: (assessment) => assessment.priority },
  PROGRESS: { ...number, column: Prisma.sql`s.progress`, of: (assessment) => assessment.progress },
};

const oneOf = <Label extends string>(labels: readonly Label[]) => z.enum(labels, { error: `must be ${labels.join(' or ')}` });
const orderSchema = z.object({
  orderBy: z.object({ field: oneOf(['CREATED_AT', 'UPDATED_AT', 'PRIORITY', 'PROGRESS']), direction: oneOf(['ASC', 'DESC']) }).nullish(),
});

/** Which assessments of a tenant a list is about, as a condition on `assessment_states s`. */
export function conditionOf(tenantId: string, { where, search }: Pick<ListAssessments, 'where' | 'search'>): Prisma.Sql {
  const parts = [Prisma.sql`s.tenant_id = ${tenantId}`];
  if (where) parts.push(filterToSql(where));
  if (search !== null && search !== undefined) parts.push(searchCondition(search));
  return Prisma.join(parts, ' and ');
}

/**
 * One page of a tenant's assessments. Pages follow the values of the last row, not its position: rows that come, go or move
 * never make a page repeat or skip another row.
 * @throws InvalidInputError naming the argument that is wrong.
 */
export async function listAssessments(db: Database, tenantId: string, list: ListAssessments): Promise<Connection<Assessment>> {
  const { field, direction } = checkInput(orderSchema, list).orderBy ?? newestFirst;
  const order = orders[field];
  const kind = `${field} ${direction}`;
  const window = windowOf(list, (cursor, argument) => {
    const place = z.tuple([order.value, z.guid()]).safeParse(decodeCursor(kind, cursor, argument));
    if (!place.success) throw notACursor(argument);
    return place.data;
  });
  const conditions = [conditionOf(tenantId, list), ...between(window, order, direction)];
  const descending = (direction === 'DESC') !== window.backward ? Prisma.sql`desc` : Prisma.sql`asc`;
  const rows = await db.$queryRaw<Assessment[]>`/* listAssessments */
    select ${assessmentColumns.s} from assessment_states s
    where ${Prisma.join(conditions, ' and ')}
    order by ${order.column} ${descending}, s.id ${descending}
    limit ${window.size + 1}::int`;
  return connectionOf(rows, window, (row) => encodeCursor(kind, [order.of(row), row.id]));
}

/** How many assessments of a tenant match. */
export async function countAssessments(db: Database, tenantId: string, list: Pick<ListAssessments, 'where' | 'search'>): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`/* countAssessments */
    select count(*)::int as count from assessment_states s where ${conditionOf(tenantId, list)}`;
  return row?.count ?? 0;
}

function between({ after, before }: Window<unknown[]>, order: Order, direction: 'ASC' | 'DESC'): Prisma.Sql[] {
  const beyond = direction === 'ASC' ? Prisma.sql`>` : Prisma.sql`<`;
  const short = direction === 'ASC' ? Prisma.sql`<` : Prisma.sql`>`;
  return [
    ...(after ? [Prisma.sql`(${order.column}, s.id) ${beyond} (${after[0]}::${order.type}, ${after[1]}::uuid)`] : []),
    ...(before ? [Prisma.sql`(${order.column}, s.id) ${short} (${before[0]}::${order.type}, ${before[1]}::uuid)`] : []),
  ];
}
