import type { Assessment, AssessmentKey } from './assessment.ts';
import { assessmentColumns } from './columns.ts';
import type { Database } from './database.ts';
import { type AssessmentState, isTerminal } from './lifecycle.ts';
import { type AssessmentUpdate, updateOf } from './updates.ts';

/** How far the asker knows an assessment. */
export interface KnownVersion extends AssessmentKey {
  version: number;
}

interface Asked {
  askedTenantId: string;
  askedAssessmentId: string;
}

type Gone = Asked & { id: null };

type Row = Asked &
  Assessment & {
    previousState: AssessmentState | null;
    failedVersion: number | null;
    failedProgress: number;
    failedMessage: string | null;
    failedError: string | null;
    failedRetryCount: number;
    failedAt: Date;
    failedStartedAt: Date | null;
  };

/** What has happened to the assessments that were asked about; of those that have not changed nothing is said. */
export interface Changes {
  updates: AssessmentUpdate[];
  /** Those that are no longer there. */
  gone: AssessmentKey[];
}

/**
 * What is newer than the asker knows, in ONE statement for all: for each assessment that has changed, the update that leads to the
 * state it has now. Where it FAILED in between and is being tried again, the failure is the update: whoever waits for the end must
 * not miss it.
 */
export async function changesSince(db: Database, known: readonly KnownVersion[]): Promise<Changes> {
  const rows = await db.$queryRaw<(Row | Gone)[]>`/* changesSince */
    select k.tenant_id as "askedTenantId", k.assessment_id as "askedAssessmentId", ${assessmentColumns.s}, upper(a.old_state::text) as "previousState", f.version_to as "failedVersion", f.progress as "failedProgress",
      f.message as "failedMessage", f.error_message as "failedError", f.retry_count as "failedRetryCount", f.created_at as "failedAt",
      f.started_at as "failedStartedAt"
    from unnest(${known.map((key) => key.tenantId)}::text[], ${known.map((key) => key.assessmentId)}::text[], ${known.map((key) => key.version)}::int[])
      as k (tenant_id, assessment_id, version)
    left join assessment_states s on s.tenant_id = k.tenant_id and s.assessment_id = k.assessment_id
    left join assessment_state_audit a on a.tenant_id = s.tenant_id and a.assessment_id = s.assessment_id and a.version_to = s.version
    left join lateral (
      select e.version_to, e.progress, e.message, e.error_message, e.retry_count, e.created_at,
        coalesce(e.started_at, (select max(b.created_at) from assessment_state_audit b where b.tenant_id = e.tenant_id and b.assessment_id = e.assessment_id
          and b.version_to < e.version_to and b.new_state = 'processing' and b.old_state <> 'processing')) as started_at
      from assessment_state_audit e
      where s.retry_count > 0 and s.version > k.version and e.tenant_id = s.tenant_id and e.assessment_id = s.assessment_id and e.version_to > k.version and e.new_state = 'failed'
      order by e.version_to limit 1
    ) f on true
    where s.id is null or s.version > k.version`;
  return {
    updates: rows.filter((row) => row.id !== null).map(asUpdate),
    gone: rows.filter((row) => row.id === null).map((row) => ({ tenantId: row.askedTenantId, assessmentId: row.askedAssessmentId })),
  };
}

function asUpdate(row: Row): AssessmentUpdate {
  const {
    askedTenantId: _tenantId,
    askedAssessmentId: _assessmentId,
    previousState,
    failedVersion,
    failedProgress,
    failedMessage,
    failedError,
    failedRetryCount,
    failedAt,
    failedStartedAt,
    ...assessment
  } = row;
  if (failedVersion === null || isTerminal(assessment.state)) return updateOf(assessment, previousState);
  const failed: Assessment = {
    ...assessment,
    state: 'FAILED',
    version: failedVersion,
    progress: failedProgress,
    message: failedMessage,
    errorMessage: failedError,
    retryCount: failedRetryCount,
    nextRetryAt: null,
    claimedBy: null,
    claimedAt: null,
    claimExpiresAt: null,
    updatedAt: failedAt,
    startedAt: failedStartedAt,
    completedAt: failedAt,
  };
  return updateOf(failed, 'PROCESSING');
}
