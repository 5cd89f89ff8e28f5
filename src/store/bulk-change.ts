import { Prisma } from '../generated/prisma/client.ts';
import type { Change } from './announce.ts';
import type { Assessment } from './assessment.ts';
import { assessmentColumns } from './columns.ts';
import type { Database } from './database.ts';
import type { AssessmentState } from './lifecycle.ts';

/** One change of all assessments of a tenant that match. */
export interface BulkChange {
  tenantId: string;
  from: readonly AssessmentState[];
  to: AssessmentState;
  /** Which of them, as conditions on `assessment_states s`. */
  conditions: readonly Prisma.Sql[];
  changedBy: string;
  reason: string | null;
}

/** Where the last chunk ended, in the order of creation. */
export type Place = Pick<Assessment, 'createdAt' | 'id'>;

/**
 * Changes up to `limit` of them, the oldest first, beginning after a place. What somebody else holds locked is passed over; whoever
 * was quicker decides, for each row is judged anew when it has been locked. Fewer than `limit`: there are no more.
 */
export async function changeNext(db: Database, change: BulkChange, after: Place | undefined, limit: number): Promise<Change[]> {
  const { tenantId, from, to, changedBy, reason } = change;
  const conditions = [
    Prisma.sql`s.tenant_id = ${tenantId}`,
    Prisma.sql`s.state = any(${from.map((state) => state.toLowerCase())}::assessment_state[])`,
    ...(after ? [Prisma.sql`(s.created_at, s.id) > (${after.createdAt}::timestamptz, ${after.id}::uuid)`] : []),
    ...change.conditions,
  ];
  const rows = await db.$queryRaw<(Assessment & { was: AssessmentState })[]>`/* changeNext */
    with picked as materialized (
      select s.id, s.state as was from assessment_states s
      where ${Prisma.join(conditions, ' and ')}
      order by s.created_at, s.id limit ${limit}::int
      for update of s skip locked
    ), changed as (
      update assessment_states s
      set state = ${to.toLowerCase()}::assessment_state, next_retry_at = null, changed_by = ${changedBy}, change_reason = ${reason}
      from picked p where s.id = p.id
      returning s.*
    )
    select ${assessmentColumns.c}, upper(p.was::text) as "was" from changed c join picked p using (id)
    order by c.created_at, c.id`;
  return rows.map(({ was, ...assessment }) => ({ assessment, previousState: was }));
}
