import type { Assessment } from './assessment.ts';
import type { Database } from './database.ts';
import type { WorkNotice } from './work.ts';

export interface ReadyRetries {
  work: WorkNotice[];
  /** In how many milliseconds the next retry is due; null: none waits. */
  nextInMs: number | null;
}

type Row = { tenantId: string | null; type: Assessment['type']; count: number; nextInMs: number | null };

/**
 * Makes the retries whose time has come ready to be claimed, up to `limit` of them, passing over what somebody else holds locked. The tenants take
 * turns: it finds those that have retries one by one in the index, and looks how many of the best places of each fit in, without locking any; then it takes
 * so many of each, the longest due first.
 */
export async function readyRetries(db: Database, limit: number): Promise<ReadyRetries> {
  const rows = await db.$queryRaw<Row[]>`/* readyRetries */
    with recursive clock as materialized (
      select clock_timestamp() as now
    ), tenants as (
      (select s.tenant_id from assessment_states s where s.state = 'pending' and not s.ready order by s.tenant_id limit 1)
      union all
      select n.tenant_id from tenants t cross join lateral (
        select s.tenant_id from assessment_states s where s.state = 'pending' and not s.ready and s.tenant_id > t.tenant_id order by s.tenant_id limit 1
      ) n
    ), places as (
      select t.tenant_id, d.place from tenants t cross join lateral (
        select row_number() over (order by s.next_retry_at) as place from assessment_states s
        where s.tenant_id = t.tenant_id and s.state = 'pending' and not s.ready and s.next_retry_at <= (select now from clock)
        order by s.next_retry_at limit ${limit}::int
      ) d order by d.place limit ${limit}::int
    ), quota as (
      select tenant_id, count(*)::int as count from places group by tenant_id
    ), due as materialized (
      select s.id from quota cross join lateral (
        select s.id from assessment_states s
        where s.tenant_id = quota.tenant_id and s.state = 'pending' and not s.ready and s.next_retry_at <= (select now from clock)
        order by s.next_retry_at limit quota.count for update skip locked
      ) s
    ), changed as (
      update assessment_states s set ready = true where s.id = any(array(select id from due))
      returning s.tenant_id, s.type
    ), work as (
      select tenant_id as "tenantId", upper(type::text) as type, count(*)::int as count from changed group by tenant_id, changed.type
    ), coming as (
      select min(n.at) as at from tenants t cross join lateral (
        select min(s.next_retry_at) as at from assessment_states s
        where s.tenant_id = t.tenant_id and s.state = 'pending' and not s.ready and s.next_retry_at > (select now from clock)
      ) n
    )
    select work.*, (extract(epoch from coming.at - clock.now) * 1000)::float8 as "nextInMs" from clock cross join coming left join work on true`;
  return {
    work: rows.flatMap(({ tenantId, type, count }) => (tenantId === null ? [] : [{ tenantId, type, count }])),
    nextInMs: rows[0]?.nextInMs ?? null,
  };
}
