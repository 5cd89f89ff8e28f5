import { Prisma } from '../generated/prisma/client.ts';
import type { Assessment } from './assessment.ts';
import type { AssessmentState } from './lifecycle.ts';
import { type AssessmentUpdate, updateOf } from './updates.ts';

/** What of an assessment may change and be filtered by, as it was before a change. */
export type Before = Pick<Assessment, 'state' | 'progress' | 'retryCount' | 'priority' | 'serverName' | 'updatedAt' | 'completedAt'>;

/** One change, as the log holds it. */
export interface LogEntry extends AssessmentUpdate {
  readonly seq: bigint;
  readonly txid: bigint;
  /** Null for the creation. */
  readonly before: Before | null;
}

// When the attempt began that a row of before belongs to.
const startedBefore = Prisma.sql`(select max(e.created_at) from assessment_state_audit e where e.tenant_id = a.tenant_id
  and e.assessment_id = a.assessment_id and e.version_to <= a.version_to and e.new_state = 'processing' and e.old_state <> 'processing')`;

/**
 * The columns of a change, from its audit row `a`, the assessment `s` and the audit row before, `p`. Everything is as of the version of the
 * row. Rows without a priority are older than the columns beside it: what they lack is taken from what is known otherwise.
 */
export const entryColumns: Prisma.Sql = Prisma.sql`a.seq::text as "seq", a.txid::text as "txid", upper(a.old_state::text) as "previousState",
  s.id, s.tenant_id as "tenantId", s.assessment_id as "assessmentId", upper(a.new_state::text) as "state", a.version_to as "version",
  upper(s.type::text) as "type", upper(s.source::text) as "source",
  case when a.priority is null then s.server_name else a.server_name end as "serverName", a.error_message as "errorMessage",
  a.message, a.progress::int as "progress", coalesce(a.priority, s.priority)::int as "priority", a.retry_count as "retryCount",
  coalesce(a.max_retries, s.max_retries) as "maxRetries", a.next_retry_at as "nextRetryAt",
  case when a.priority is null then s.timeout_ms else a.timeout_ms end as "timeoutMs", a.claimed_by as "claimedBy",
  case when a.priority is not null or a.claimed_by is null then a.claimed_at
    when s.version = a.version_to then s.claimed_at else ${startedBefore} end as "claimedAt",
  case when a.priority is null and s.version = a.version_to then s.claim_expires_at else a.claim_expires_at end as "claimExpiresAt",
  s.created_at as "createdAt", a.created_at as "updatedAt",
  case when a.priority is not null then a.started_at
    when a.new_state = 'pending' or (a.new_state = 'cancelled' and a.old_state = 'pending') then null
    else ${startedBefore} end as "startedAt",
  p.progress::int as "beforeProgress", p.retry_count as "beforeRetryCount", coalesce(p.priority, s.priority)::int as "beforePriority",
  case when p.priority is null then s.server_name else p.server_name end as "beforeServerName", p.created_at as "beforeUpdatedAt"`;

/** The columns of `entryColumns` as a query returns them. */
export type EntryRow = Omit<Assessment, 'completedAt'> & {
  seq: string;
  txid: string;
  previousState: AssessmentState | null;
  beforeProgress: number | null;
  beforeRetryCount: number | null;
  beforePriority: number | null;
  beforeServerName: string | null;
  beforeUpdatedAt: Date | null;
};

export function entryOf(row: EntryRow): LogEntry {
  const { previousState, seq, txid, updatedAt, state } = row;
  const assessment: Assessment = {
    id: row.id,
    tenantId: row.tenantId,
    assessmentId: row.assessmentId,
    state,
    version: row.version,
    type: row.type,
    source: row.source,
    serverName: row.serverName,
    errorMessage: row.errorMessage,
    message: row.message,
    progress: row.progress,
    priority: row.priority,
    retryCount: row.retryCount,
    maxRetries: row.maxRetries,
    nextRetryAt: row.nextRetryAt,
    timeoutMs: row.timeoutMs,
    claimedBy: row.claimedBy,
    claimedAt: row.claimedAt,
    claimExpiresAt: row.claimExpiresAt,
    createdAt: row.createdAt,
    updatedAt,
    startedAt: row.startedAt,
    completedAt: completedAt(state, updatedAt),
  };
  return { ...updateOf(assessment, previousState), seq: BigInt(seq), txid: BigInt(txid), before: beforeOf(row) };
}

function beforeOf(row: EntryRow): Before | null {
  const { previousState, beforeUpdatedAt } = row;
  if (previousState === null || beforeUpdatedAt === null) return null;
  return {
    state: previousState,
    progress: row.beforeProgress ?? 0,
    retryCount: row.beforeRetryCount ?? 0,
    priority: row.beforePriority ?? row.priority,
    serverName: row.beforeServerName,
    updatedAt: beforeUpdatedAt,
    completedAt: completedAt(previousState, beforeUpdatedAt),
  };
}

const completedAt = (state: AssessmentState, updatedAt: Date): Date | null =>
  state === 'COMPLETED' || state === 'FAILED' ? updatedAt : null;
