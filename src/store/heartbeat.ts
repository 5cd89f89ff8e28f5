import type { Actor } from './assessment.ts';
import type { HeartbeatResult } from './claimed.ts';
import type { Database } from './database.ts';

export interface HeartbeatStatement {
  workerId: string;
  claimTokens: readonly string[];
  leaseMs: number;
}

type Row = { claimToken: string; expiresAt: Date | null; cancelled: boolean };

/**
 * Renews the claims that a worker still holds, and tells of the others whether they were cancelled; in the order of the tokens. A row that
 * somebody else holds locked keeps the lease it has: one locked row must not let all the others run out.
 */
export async function heartbeat(
  db: Database,
  { workerId, claimTokens, leaseMs }: HeartbeatStatement,
  actor: Actor,
): Promise<HeartbeatResult[]> {
  const rows = await db.$queryRaw<Row[]>`/* heartbeat */
    with input as (
      select * from unnest(${claimTokens}::uuid[]) with ordinality as i (token, ord)
    ), held as materialized (
      select s.id from assessment_states s
      where s.claim_token = any(${claimTokens}::uuid[]) and s.tenant_id = ${actor.tenantId} and s.claimed_by = ${workerId}
        and s.claim_expires_at > clock_timestamp()
      order by s.id for no key update of s skip locked
    ), renewed as (
      update assessment_states s set
        claim_expires_at = greatest(s.claim_expires_at, clock_timestamp() + ${leaseMs}::int * interval '1 millisecond'),
        claim_seen_at = clock_timestamp()
      from held where s.id = held.id
      returning s.claim_token, s.claim_expires_at
    )
    select i.token as "claimToken", coalesce(r.claim_expires_at, k.claim_expires_at) as "expiresAt",
      r.claim_token is null and k.id is null and exists (
        select from assessment_states c where c.cancelled_claim_token = i.token and c.tenant_id = ${actor.tenantId}
      ) as cancelled
    from input i
    left join renewed r on r.claim_token = i.token
    left join assessment_states k on k.claim_token = i.token and k.claim_token = any(${claimTokens}::uuid[]) and k.tenant_id = ${actor.tenantId} and k.claimed_by = ${workerId}
      and k.claim_expires_at > clock_timestamp()
    order by i.ord`;
  return rows.map((row, index) => ({ ...row, claimToken: claimTokens[index] ?? row.claimToken, held: row.expiresAt !== null }));
}
