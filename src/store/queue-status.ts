import type { Database } from './database.ts';

/** How the queue of a tenant stands now. */
export interface QueueStatus {
  /** All that is PENDING. */
  depth: number;
  /** What a worker could claim now. */
  ready: number;
  /** What waits for the time of its retry. */
  scheduled: number;
  processing: number;
  /** The priorities that have something ready, the most urgent first. */
  byPriority: { priority: number; ready: number /** How long the oldest has waited since it was created. */; oldestAgeMs: number }[];
  /** The workers that hold something, by their names. */
  workers: { workerId: string; processing: number; lastSeenAt: Date }[];
}

export async function readQueueStatus(db: Database, tenantId: string): Promise<QueueStatus> {
  const [row] = await db.$queryRaw<
    (Omit<QueueStatus, 'depth' | 'workers'> & {
      workers: (Omit<QueueStatus['workers'][number], 'lastSeenAt'> & { lastSeenAt: number })[];
    })[]
  >`/* readQueueStatus */
    with pending as (
      select priority, ready, count(*)::int as count, min(created_at) as oldest
      from assessment_states where tenant_id = ${tenantId} and state = 'pending' group by priority, ready
    ), working as (
      select claimed_by, count(*)::int as count, max(claim_seen_at) as seen
      from assessment_states where tenant_id = ${tenantId} and state = 'processing' group by claimed_by
    )
    select
      coalesce((select sum(count)::int from pending where ready), 0) as ready,
      coalesce((select sum(count)::int from pending where not ready), 0) as scheduled,
      coalesce((select sum(count)::int from working), 0) as processing,
      coalesce((select jsonb_agg(jsonb_build_object('priority', priority, 'ready', count,
        'oldestAgeMs', greatest(0, least(2147483647, floor(extract(epoch from clock_timestamp() - oldest) * 1000)))) order by priority) from pending where ready), '[]') as "byPriority",
      coalesce((select jsonb_agg(jsonb_build_object('workerId', claimed_by, 'processing', count,
        'lastSeenAt', floor(extract(epoch from seen) * 1000)) order by claimed_by) from working where claimed_by is not null), '[]') as workers`;
  if (row === undefined) throw new Error('the statement for the status of the queue gave no row');
  const workers = row.workers.map((worker) => ({ ...worker, lastSeenAt: new Date(worker.lastSeenAt) }));
  return { ...row, workers, depth: row.ready + row.scheduled };
}
