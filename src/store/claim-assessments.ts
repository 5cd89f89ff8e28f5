import type { Assessment, JsonObject } from './assessment.ts';
import type { ClaimedAssessment } from './claimed.ts';
import { assessmentColumns } from './columns.ts';
import type { Database } from './database.ts';

/** How many a worker takes, for how long. */
export interface ClaimShare {
  workerId: string;
  subject: string;
  count: number;
  leaseMs: number;
}

export interface ClaimStatement {
  tenantId: string;
  types: readonly Assessment['type'][];
  shares: readonly ClaimShare[];
}

/** What a statement claimed: for each share its own, and how many it saw that were ready, whether or not it got hold of them. */
export interface ClaimedShares {
  claims: ClaimedAssessment[][];
  seen: number;
}

type Row = Assessment & { requestData: JsonObject; claimToken: string; share: number; queueRank: Date; seen: number };

/**
 * Claims for several workers in one statement: the ready assessments with the lowest rank. It looks first how many of the best are of each type, without
 * locking any; then takes so many of each, in the order of the index, passing over what somebody else is just taking. The rows are found by an array of
 * ids: by a join alone the planner, who knows nothing of the number, would read the whole table.
 */
export async function claimAssessments(db: Database, { tenantId, types, shares }: ClaimStatement): Promise<ClaimedShares> {
  const limit = shares.reduce((sum, { count }) => sum + count, 0);
  const rows = await db.$queryRaw<Row[]>`/* claimAssessments */
    with best as materialized (
      (select type, queue_rank from assessment_states where tenant_id = ${tenantId} and type = 'compliance' and state = 'pending' and ready
        and 'COMPLIANCE' = any(${types}::text[]) order by queue_rank limit ${limit}::int)
      union all
      (select type, queue_rank from assessment_states where tenant_id = ${tenantId} and type = 'health' and state = 'pending' and ready
        and 'HEALTH' = any(${types}::text[]) order by queue_rank limit ${limit}::int)
      union all
      (select type, queue_rank from assessment_states where tenant_id = ${tenantId} and type = 'security' and state = 'pending' and ready
        and 'SECURITY' = any(${types}::text[]) order by queue_rank limit ${limit}::int)
      order by queue_rank limit ${limit}::int
    ), quota as (
      select type, count(*)::int as count from best group by type
    ), taken as materialized (
      select s.id from quota cross join lateral (
        select id from assessment_states where tenant_id = ${tenantId} and type = quota.type and state = 'pending' and ready
        order by queue_rank, id limit quota.count for update skip locked
      ) s
    ), slots as (
      select ord as share, worker_id, subject, lease_ms, row_number() over () as slot
      from unnest(${shares.map((share) => share.workerId)}::text[], ${shares.map((share) => share.subject)}::text[],
        ${shares.map((share) => share.count)}::int[], ${shares.map((share) => share.leaseMs)}::int[]) with ordinality as i (worker_id, subject, count, lease_ms, ord)
      cross join lateral generate_series(1, count)
    ), given as (
      select taken.id, slots.* from (select id, row_number() over () as slot from taken) taken join slots using (slot)
    ), changed as (
      update assessment_states s set
        state = 'processing', claimed_by = g.worker_id, claim_token = gen_random_uuid(), claimed_at = clock_timestamp(),
        claim_expires_at = clock_timestamp() + g.lease_ms * interval '1 millisecond', claim_seen_at = clock_timestamp(),
        changed_by = g.subject, change_reason = null
      from given g where s.id = any(array(select id from taken)) and s.id = g.id
      returning s.*, g.share
    )
    select ${assessmentColumns.c}, c.request_data as "requestData", c.claim_token as "claimToken", c.queue_rank as "queueRank", (c.share - 1)::int as share,
      sight.seen
    from (select count(*)::int as seen from best) as sight left join changed c on true`;
  return {
    claims: sharesOf(
      rows.filter((row) => row.id !== null),
      shares.length,
    ),
    seen: rows[0]?.seen ?? 0,
  };
}

function sharesOf(rows: Row[], shares: number): ClaimedAssessment[][] {
  const claims: ClaimedAssessment[][] = Array.from({ length: shares }, () => []);
  rows.sort((a, b) => a.queueRank.getTime() - b.queueRank.getTime());
  for (const { claimToken, share, queueRank: _, seen: __, ...assessment } of rows)
    claims[share]?.push({ assessment, claimToken, expiresAt: assessment.claimExpiresAt as Date });
  return claims;
}
