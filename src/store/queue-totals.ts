import type { Assessment } from './assessment.ts';
import type { Database } from './database.ts';

/** How the queues of all tenants stand, for one type. */
export interface QueueTotals {
  type: Assessment['type'];
  /** What a worker could claim now. */
  ready: number;
  /** What waits for the time of its retry. */
  scheduled: number;
  processing: number;
  /** How long that which has waited longest could have been claimed, in seconds; 0 when nothing is ready. */
  oldestReadySeconds: number;
}

/**
 * Reads what is not ended, tenant by tenant, by an index: its cost grows with what is in the queues and the number of tenants, not with what has ended.
 * The tenants are found by going from one to the next in the index of keys. `offset 0` keeps the planner, who believes in few tenants, from reading the whole table.
 */
export const readQueueTotals = (db: Database): Promise<QueueTotals[]> =>
  db.$queryRaw`/* readQueueTotals */
    with recursive tenants as (
      (select tenant_id from assessment_states order by tenant_id limit 1)
      union all
      select (select s.tenant_id from assessment_states s where s.tenant_id > t.tenant_id order by s.tenant_id limit 1)
      from tenants t where t.tenant_id is not null
    )
    select upper(s.type::text) as "type",
      (count(*) filter (where s.state = 'pending' and s.ready))::int as "ready",
      (count(*) filter (where s.state = 'pending' and not s.ready))::int as "scheduled",
      (count(*) filter (where s.state = 'processing'))::int as "processing",
      greatest(0, coalesce(extract(epoch from clock_timestamp() - min(greatest(s.updated_at, s.next_retry_at))
        filter (where s.state = 'pending' and s.ready)), 0))::float8 as "oldestReadySeconds"
    from tenants t cross join lateral (
      select type, state, ready, updated_at, next_retry_at from assessment_states
      where tenant_id = t.tenant_id and state in ('pending', 'processing') offset 0
    ) s
    where t.tenant_id is not null
    group by s.type`;
