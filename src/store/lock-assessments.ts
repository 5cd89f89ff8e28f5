import type { AssessmentKey } from './assessment.ts';
import type { Database } from './database.ts';

// Others want these rows too, and find them locked while this transaction waits for one more: so it does not wait for long (SQLSTATE 55P03).
const lockTimeout = '500ms';

/** Locks all of them until the transaction ends, in the order of their ids: whoever does the same cannot deadlock with it. Unknown ones are left out. */
export async function lockAssessments(transaction: Database, keys: readonly AssessmentKey[]): Promise<void> {
  await transaction.$queryRaw`/* setLockTimeout */ select set_config('lock_timeout', ${lockTimeout}, true)`;
  await transaction.$queryRaw`/* lockAssessments */
    select count(*)::int as locked from (
      select s.id from assessment_states s
      join unnest(${keys.map((key) => key.tenantId)}::text[], ${keys.map((key) => key.assessmentId)}::text[]) as k (tenant_id, assessment_id)
        using (tenant_id, assessment_id)
      order by s.id for update of s
    ) as held`;
}
