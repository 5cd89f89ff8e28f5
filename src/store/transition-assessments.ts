import type { Assessment, AssessmentKey } from './assessment.ts';
import { assessmentColumns } from './columns.ts';
import type { Database } from './database.ts';
import type { AssessmentState } from './lifecycle.ts';

/** What a command wants to do; `PROGRESS` is the one that is no transition. */
export type TransitionVerb = 'START' | 'PROGRESS' | 'COMPLETE' | 'FAIL' | 'CANCEL' | 'RETRY';

/** One command on one assessment. What a verb does not use is null. */
export interface Transition extends AssessmentKey {
  verb: TransitionVerb;
  expectedVersion: number | null;
  claimToken: string | null;
  progress: number | null;
  message: string | null;
  /** The result as JSON text. */
  result: string | null;
  error: string | null;
  retryable: boolean;
  /** 0 to 1: which part of the longest wait before a retry is taken (full jitter). */
  jitter: number;
  changedBy: string;
  reason: string | null;
}

export type TransitionOutcome =
  | { outcome: 'OK'; assessment: Assessment; previousState: AssessmentState; changed: boolean }
  | { outcome: 'NOT_FOUND' | 'LOCKED' }
  | { outcome: 'VERSION_CONFLICT' | 'CLAIM_LOST' | 'INVALID_TRANSITION' | 'PROGRESS_FELL'; assessment: Assessment };

/** How long to wait before a retry: up to base * 2^retries, at most `capMs`, in milliseconds. */
export interface RetryPolicy {
  baseMs: number;
  capMs: number;
}

/** The state that each verb leads to, as a refusal names it (FAIL may also lead to PENDING, when retries are left). */
export const targetOf = {
  START: 'PROCESSING',
  PROGRESS: 'PROCESSING',
  COMPLETE: 'COMPLETED',
  FAIL: 'FAILED',
  CANCEL: 'CANCELLED',
  RETRY: 'PENDING',
} as const satisfies Record<TransitionVerb, AssessmentState>;

type Row = Assessment & { outcome: TransitionOutcome['outcome']; was: AssessmentState; had: number };

/**
 * Judges and makes all changes in one statement; each item has its own outcome and none fails its neighbours. No two items may name
 * the same assessment. Rows are locked in the order of their ids, so that two such statements cannot deadlock, and a row that
 * somebody else holds locked is passed over (LOCKED: try again) instead of making the whole batch wait.
 *
 * RETRY is judged as FAILED to PENDING alone; PROCESSING to PENDING is no command of its own.
 */
export async function transitionAssessments(db: Database, items: readonly Transition[], retry: RetryPolicy): Promise<TransitionOutcome[]> {
  const rows = await db.$queryRaw<Row[]>`/* transitionAssessments */
    with input as (
      select * from rows from (json_to_recordset(${JSON.stringify(items.map(rowOf))}::text::json) as (tenant_id text, assessment_id text, verb text,
        expected int, token uuid, progress int, message text, result text, error text, retryable boolean, jitter float8, changed_by text, reason text))
        with ordinality as t (tenant_id, assessment_id, verb, expected, token, progress, message, result, error, retryable, jitter, changed_by, reason, ord)
    ), held as materialized (
      select s.* from assessment_states s join input using (tenant_id, assessment_id)
      order by s.id for update of s skip locked
    ), judged as (
      select i.*, h.id, h.state as was, h.version as had,
        case i.verb when 'START' then 'processing' when 'PROGRESS' then 'processing' when 'COMPLETE' then 'completed'
          when 'CANCEL' then 'cancelled' when 'RETRY' then 'pending'
          when 'FAIL' then case when i.retryable and h.retry_count < h.max_retries then 'pending' else 'failed' end
        end::assessment_state as target,
        case
          when h.id is null and exists (
            select from assessment_states k where k.tenant_id = i.tenant_id and k.assessment_id = i.assessment_id
          ) then 'LOCKED'
          when h.id is null then 'NOT_FOUND'
          when i.expected <> h.version then 'VERSION_CONFLICT'
          when i.verb in ('PROGRESS', 'COMPLETE', 'FAIL')
            and (i.token is distinct from h.claim_token or h.claim_expires_at <= clock_timestamp()) then 'CLAIM_LOST'
          when h.state <> case i.verb when 'START' then 'pending' when 'RETRY' then 'failed' else 'processing' end::assessment_state
            and not (i.verb = 'CANCEL' and h.state = 'pending') then 'INVALID_TRANSITION'
          when i.verb = 'PROGRESS' and i.progress < h.progress then 'PROGRESS_FELL'
          else 'OK'
        end as outcome
      from input i
      left join held h using (tenant_id, assessment_id)
    ), changed as (
      update assessment_states s set
        state = j.target,
        progress = coalesce(j.progress, s.progress),
        message = case when j.verb = 'PROGRESS' then coalesce(j.message, s.message) else s.message end,
        result_data = case when j.verb = 'COMPLETE' then j.result::jsonb end,
        error_message = coalesce(j.error, s.error_message),
        next_retry_at = case when j.verb = 'FAIL' and j.target = 'pending'
          then clock_timestamp() + make_interval(secs => j.jitter * least(${retry.capMs}::float8, ${retry.baseMs}::float8 * 2 ^ least(s.retry_count, 40)) / 1000)
        end,
        changed_by = j.changed_by,
        change_reason = coalesce(j.reason, j.error)
      from judged j where s.id = j.id and j.outcome = 'OK'
      returning s.*
    )
    select j.ord, j.outcome, upper(j.was::text) as "was", j.had, ${assessmentColumns.c}
    from judged j join changed c on c.id = j.id
    union all
    select j.ord, j.outcome, upper(j.was::text), j.had, ${assessmentColumns.h}
    from judged j left join held h on h.id = j.id
    where j.outcome <> 'OK'
    order by ord`;
  return rows.map(asOutcome);
}

/** One text for all rows: an array for each column costs Node 30 microseconds more for each of them. */
const rowOf = (item: Transition) => ({
  tenant_id: item.tenantId,
  assessment_id: item.assessmentId,
  verb: item.verb,
  expected: item.expectedVersion,
  token: item.claimToken,
  progress: item.progress,
  message: item.message,
  result: item.result,
  error: item.error,
  retryable: item.retryable,
  jitter: item.jitter,
  changed_by: item.changedBy,
  reason: item.reason,
});

function asOutcome({ outcome, was, had, ...row }: Row & { ord?: bigint }): TransitionOutcome {
  const { ord: _, ...assessment } = row;
  switch (outcome) {
    case 'OK':
      return { outcome, assessment, previousState: was, changed: assessment.version !== had };
    case 'NOT_FOUND':
    case 'LOCKED':
      return { outcome };
    case 'VERSION_CONFLICT':
    case 'CLAIM_LOST':
    case 'INVALID_TRANSITION':
    case 'PROGRESS_FELL':
      return { outcome, assessment };
    default:
      return outcome satisfies never;
  }
}
