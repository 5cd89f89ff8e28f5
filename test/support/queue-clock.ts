import type { Client } from 'pg';

/** Lets a statement pass the guards: what it changes is neither versioned nor audited. */
async function unguarded(psql: Client, statements: readonly [sql: string, parameters: unknown[]][]): Promise<void> {
  await psql.query('begin');
  await psql.query('set local session_replication_role = replica');
  for (const [sql, parameters] of statements) await psql.query(sql, parameters);
  await psql.query('commit');
}

const times = 'created_at updated_at started_at completed_at queue_rank next_retry_at claimed_at claim_expires_at claim_seen_at'.split(' ');
const back = (columns: readonly string[]) => columns.map((column) => `${column} = ${column} - $2 * interval '1 minute'`).join(', ');

/** Everything of a tenant as if so many minutes had passed: all its times are so much longer ago. */
export const letMinutesPass = (psql: Client, tenantId: string, minutes: number): Promise<void> =>
  unguarded(psql, [
    [`update assessment_states set ${back(times)} where tenant_id = $1`, [tenantId, minutes]],
    [`update assessment_state_audit set ${back(['created_at', 'next_retry_at'])} where tenant_id = $1`, [tenantId, minutes]],
  ]);

/** Puts the retries of a tenant that were scheduled for a random time, far away, to `minutes` from now. */
export const scheduleRetries = (psql: Client, tenantId: string, assessmentIds: readonly string[], minutes: number): Promise<void> =>
  unguarded(psql, [
    [
      `with moved as (
         update assessment_states set next_retry_at = clock_timestamp() + $3 * interval '1 minute'
         where tenant_id = $1 and assessment_id = any($2) returning assessment_id, version, next_retry_at
       )
       update assessment_state_audit a set next_retry_at = moved.next_retry_at
       from moved where a.tenant_id = $1 and a.assessment_id = moved.assessment_id and a.version_to = moved.version`,
      [tenantId, assessmentIds, minutes],
    ],
  ]);
