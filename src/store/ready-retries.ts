import type { Assessment } from './assessment.ts';
import type { Database } from './database.ts';
import type { WorkNotice } from './work.ts';

export interface ReadyRetries {
  work: WorkNotice[];
  /** In how many milliseconds the next retry is due; null: none waits. */
  nextInMs: number | null;
}

type Row = { tenantId: string | null; type: Assessment['type']; count: number; nextInMs: number | null };

/** Makes the retries whose time has come ready to be claimed, up to `limit` of them, passing over what somebody else holds locked. */
export async function readyRetries(db: Database, limit: number): Promise<ReadyRetries> {
  const rows = await db.$queryRaw<Row[]>`/* readyRetries */
    with clock as materialized (
      select clock_timestamp() as now
    ), due as materialized (
      select s.id from assessment_states s where s.state = 'pending' and not s.ready and s.next_retry_at <= (select now from clock)
      order by s.next_retry_at limit ${limit}::int for update skip locked
    ), changed as (
      update assessment_states s set ready = true from due where s.id = due.id
      returning s.tenant_id, s.type
    ), work as (
      select tenant_id as "tenantId", upper(type::text) as type, count(*)::int as count from changed group by tenant_id, changed.type
    ), coming as (
      select min(s.next_retry_at) as at from assessment_states s where s.state = 'pending' and not s.ready and s.next_retry_at > (select now from clock)
    )
    select work.*, (extract(epoch from coming.at - clock.now) * 1000)::float8 as "nextInMs" from clock cross join coming left join work on true`;
  return {
    work: rows.flatMap(({ tenantId, type, count }) => (tenantId === null ? [] : [{ tenantId, type, count }])),
    nextInMs: rows[0]?.nextInMs ?? null,
  };
}
