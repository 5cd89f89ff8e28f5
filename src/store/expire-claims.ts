import type { Assessment } from './assessment.ts';
import { assessmentColumns } from './columns.ts';
import type { Database } from './database.ts';
import type { RetryPolicy } from './transition-assessments.ts';

/** One round of a maintenance loop: what it changed, and in how many milliseconds the next one is due (null: nothing to wait for). */
export interface Expired {
  assessments: Assessment[];
  nextInMs: number | null;
}

/** Who the audit trail names for what the service does by itself. */
export const maintenanceSubject = 'service:maintenance';

type Row = Assessment & { nextInMs: number | null };

/**
 * Ends the attempts whose lease has run out or that took longer than `timeoutMs`, up to `limit` of them, the tenants in turns, passing over what
 * somebody else holds locked: back to PENDING with a time to wait when retries are left, else FAILED. The message says which worker, and when.
 */
export async function expireClaims(db: Database, limit: number, { baseMs, capMs }: RetryPolicy): Promise<Expired> {
  const rows = await db.$queryRaw<Row[]>`/* expireClaims */
    with clock as materialized (
      select clock_timestamp() as now
    ), due as materialized (
      select d.id, row_number() over (partition by d.tenant_id order by d.id) as place from (
        select s.id, s.tenant_id from assessment_states s where s.claim_token is not null and s.claim_expires_at <= (select now from clock)
        union
        select s.id, s.tenant_id from assessment_states s
        where s.state = 'processing' and s.timeout_ms is not null and s.started_at + s.timeout_ms * interval '1 millisecond' <= (select now from clock)
      ) d
    ), held as materialized (
      select s.id, s.retry_count, s.retry_count < s.max_retries as again, s.claimed_by, s.claim_expires_at, s.timeout_ms,
        s.claim_token is not null and s.claim_expires_at <= (select now from clock) as lost
      from due join assessment_states s on s.id = due.id
      where s.state = 'processing'
        and ((s.claim_token is not null and s.claim_expires_at <= (select now from clock))
          or s.started_at + s.timeout_ms * interval '1 millisecond' <= (select now from clock))
      order by due.place, s.id limit ${limit}::int for update of s skip locked
    ), judged as (
      select h.*, case
        when h.lost then format('the lease of worker "%s" ran out at %s', h.claimed_by, to_char(h.claim_expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        when h.claimed_by is not null then format('it took longer than its timeout of %s ms (worker "%s")', h.timeout_ms, h.claimed_by)
        else format('it took longer than its timeout of %s ms', h.timeout_ms)
      end as cause
      from held h
    ), changed as (
      update assessment_states s set
        state = case when j.again then 'pending' else 'failed' end::assessment_state,
        next_retry_at = case when j.again then clock_timestamp()
          + random() * least(${capMs}::float8, ${baseMs}::float8 * 2 ^ least(j.retry_count, 60)) * interval '1 millisecond' end,
        error_message = case when j.again then j.cause else j.cause || '; no retries are left' end,
        changed_by = ${maintenanceSubject}, change_reason = j.cause
      from judged j where s.id = j.id
      returning s.*
    ), coming as (
      select min(at) as at from (
        select min(s.claim_expires_at) as at from assessment_states s where s.claim_token is not null and s.claim_expires_at > (select now from clock)
        union all
        select min(s.started_at + s.timeout_ms * interval '1 millisecond') from assessment_states s
        where s.state = 'processing' and s.timeout_ms is not null and s.started_at + s.timeout_ms * interval '1 millisecond' > (select now from clock)
      ) ends
    )
    select ${assessmentColumns.c}, (extract(epoch from coming.at - clock.now) * 1000)::float8 as "nextInMs"
    from clock cross join coming left join changed c on true`;
  const nextInMs = rows[0]?.nextInMs ?? null;
  return { assessments: rows.flatMap(({ nextInMs: _, ...assessment }) => (assessment.id === null ? [] : [assessment])), nextInMs };
}
