import { z } from 'zod';
import { type AssessmentAuditEntry as AuditRow, Prisma } from '../generated/prisma/client.ts';
import type { AssessmentKey } from './assessment.ts';
import { keyString } from './assessment.ts';
import { type Connection, connectionOf, decodeCursor, encodeCursor, notACursor, type Page, type Window, windowOf } from './cursor.ts';
import type { Database } from './database.ts';

/** One change of one assessment, as the database recorded it in the transaction of the change. */
export type AuditEntry = AuditRow;

const columns = Prisma.sql`a.seq, a.tenant_id as "tenantId", a.assessment_id as "assessmentId", upper(a.old_state::text) as "oldState",
  upper(a.new_state::text) as "newState", a.version_from as "versionFrom", a.version_to as "versionTo", a.changed_by as "changedBy",
  a.change_reason as "changeReason", a.progress, a.message, a.error_message as "errorMessage", a.retry_count as "retryCount",
  a.next_retry_at as "nextRetryAt", a.claimed_by as "claimedBy", a.created_at as "createdAt", a.server_name as "serverName",
  a.priority, a.max_retries as "maxRetries", a.timeout_ms as "timeoutMs", a.started_at as "startedAt", a.claimed_at as "claimedAt",
  a.claim_expires_at as "claimExpiresAt"`;

const kind = 'AUDIT';
const maxVersion = 2_147_483_647;

/**
 * Checks which page of an audit trail is wanted.
 * @throws InvalidInputError naming the argument.
 */
export const auditWindow = (page: Page): Window<number> =>
  windowOf(page, (cursor, argument) => {
    const [version] = decodeCursor(kind, cursor, argument);
    if (!z.int32().safeParse(version).success) throw notACursor(argument);
    return version as number;
  });

/** The same page of the audit trails of many assessments, in one statement; oldest change first, in the order of the keys. */
export async function readAuditTrails(
  db: Database,
  keys: readonly AssessmentKey[],
  window: Window<number>,
): Promise<Connection<AuditEntry>[]> {
  const direction = window.backward ? Prisma.sql`desc` : Prisma.sql`asc`;
  const rows = await db.$queryRaw<AuditEntry[]>`/* readAuditTrails */
    select ${columns}
    from unnest(${keys.map((key) => key.tenantId)}::text[], ${keys.map((key) => key.assessmentId)}::text[]) as k (tenant_id, assessment_id)
    cross join lateral (
      select * from assessment_state_audit e
      where e.tenant_id = k.tenant_id and e.assessment_id = k.assessment_id
        and e.version_to > ${window.after ?? 0}::int and e.version_to < ${window.before ?? maxVersion}::int
      order by e.version_to ${direction} limit ${window.size + 1}::int
    ) a
    order by a.version_to ${direction}`;
  const byKey = new Map<string, AuditEntry[]>();
  for (const row of rows) {
    const entries = byKey.get(keyString(row));
    if (entries === undefined) byKey.set(keyString(row), [row]);
    else entries.push(row);
  }
  return keys.map((key) => connectionOf(byKey.get(keyString(key)) ?? [], window, (entry) => encodeCursor(kind, [entry.versionTo])));
}

/** The audit entries of a tenant with these sequence numbers, in no particular order; unknown ones are left out. */
export const readAuditEntries = (db: Database, tenantId: string, seqs: readonly bigint[]): Promise<AuditEntry[]> =>
  db.$queryRaw`/* readAuditEntries */
    select ${columns} from assessment_state_audit a where a.tenant_id = ${tenantId} and a.seq = any(${[...seqs]}::bigint[])`;
