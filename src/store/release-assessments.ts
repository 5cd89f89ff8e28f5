import type { Actor, Assessment } from './assessment.ts';
import { assessmentColumns } from './columns.ts';
import type { Database } from './database.ts';

export interface ReleaseStatement {
  workerId: string;
  claimTokens: readonly string[];
  reason: string | null;
}

/** What became of one token. LOCKED: somebody else holds the row locked; try again. */
export type ReleaseOutcome = { claimToken: string } & (
  | { outcome: 'RELEASED'; assessment: Assessment }
  | { outcome: 'NOT_HELD' | 'LOCKED' }
);

type Row = Assessment & { token: string; isHeld: boolean };

/** Gives the claims that a worker still holds back: PENDING again, at once, no retry counted. In the order of the tokens. */
export async function releaseAssessments(
  db: Database,
  { workerId, claimTokens, reason }: ReleaseStatement,
  actor: Actor,
): Promise<ReleaseOutcome[]> {
  const rows = await db.$queryRaw<Row[]>`/* releaseAssessments */
    with input as (
      select * from unnest(${claimTokens}::uuid[]) with ordinality as i (token, ord)
    ), known as (
      select s.claim_token from assessment_states s
      where s.claim_token = any(${claimTokens}::uuid[]) and s.tenant_id = ${actor.tenantId} and s.claimed_by = ${workerId}
        and s.claim_expires_at > clock_timestamp()
    ), held as materialized (
      select s.id, s.claim_token from assessment_states s
      where s.claim_token = any(${claimTokens}::uuid[]) and s.tenant_id = ${actor.tenantId} and s.claimed_by = ${workerId}
        and s.claim_expires_at > clock_timestamp()
      order by s.id for update of s skip locked
    ), changed as (
      update assessment_states s set state = 'pending', next_retry_at = null, changed_by = ${actor.subject}, change_reason = ${reason}
      from held where s.id = held.id
      returning s.*, held.claim_token as token
    )
    select i.token, k.claim_token is not null as "isHeld", ${assessmentColumns.c}
    from input i
    left join known k on k.claim_token = i.token
    left join changed c on c.token = i.token
    order by i.ord`;
  return rows.map(outcomeOf);
}

function outcomeOf({ token, isHeld, ...assessment }: Row): ReleaseOutcome {
  if (assessment.id !== null) return { claimToken: token, outcome: 'RELEASED', assessment };
  return { claimToken: token, outcome: isHeld ? 'LOCKED' : 'NOT_HELD' };
}
