import { Prisma } from '../generated/prisma/client.ts';
import type { AssessmentKey } from './assessment.ts';
import type { Database } from './database.ts';

/** One that was deleted. */
export interface Deleted extends AssessmentKey {
  id: string;
  updatedAt: Date;
}

/** The moment so many days ago, by the clock of the database. */
export async function daysAgo(db: Database, days: number): Promise<Date> {
  const [row] = await db.$queryRaw<{ at: Date }[]>`/* daysAgo */
    select date_trunc('milliseconds', clock_timestamp()) - make_interval(days => ${days}::int) as at`;
  if (row === undefined) throw new Error('the database did not tell the time');
  return row.at;
}

// Nothing changes after the end, so an ended assessment was updated last when it ended: the index by that time finds the oldest.
const endedBefore = (tenantId: string, before: Date): Prisma.Sql =>
  Prisma.sql`s.tenant_id = ${tenantId} and s.state in ('completed', 'failed', 'cancelled')
    and s.updated_at < ${before}::timestamptz and coalesce(s.completed_at, s.updated_at) < ${before}::timestamptz`;

/** How many assessments of the tenant ended before a moment. */
export async function countEnded(db: Database, tenantId: string, before: Date): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`/* countEnded */
    select count(*)::int as count from assessment_states s where ${endedBefore(tenantId, before)}`;
  return row?.count ?? 0;
}

/**
 * Deletes up to `limit` assessments of the tenant that ended before a moment, the oldest first, beginning after the last one of the chunk
 * before; their audit trails go with them, by a trigger. What somebody else holds locked is passed over, and one that was retried
 * meanwhile stays. Fewer than `limit`: there are no more.
 */
export const deleteEnded = (
  db: Database,
  tenantId: string,
  before: Date,
  after: Deleted | undefined,
  limit: number,
): Promise<Deleted[]> => {
  const beyond = after ? Prisma.sql`and (s.updated_at, s.id) > (${after.updatedAt}::timestamptz, ${after.id}::uuid)` : Prisma.empty;
  return db.$queryRaw`/* deleteEnded */
    with picked as materialized (
      select s.id from assessment_states s
      where ${endedBefore(tenantId, before)} ${beyond}
      order by s.updated_at, s.id limit ${limit}::int
      for update of s skip locked
    ), gone as (
      delete from assessment_states s using picked p where s.id = p.id
      returning s.tenant_id as "tenantId", s.assessment_id as "assessmentId", s.id, s.updated_at as "updatedAt"
    )
    select * from gone order by "updatedAt", id`;
};
