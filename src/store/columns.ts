import { Prisma } from '../generated/prisma/client.ts';

const columns = `%id, %tenant_id as "tenantId", %assessment_id as "assessmentId", upper(%state::text) as "state", %version,
  upper(%type::text) as "type", upper(%source::text) as "source", %server_name as "serverName", %error_message as "errorMessage",
  %message, %progress, %priority, %retry_count as "retryCount", %max_retries as "maxRetries", %next_retry_at as "nextRetryAt",
  %timeout_ms as "timeoutMs", %claimed_by as "claimedBy", %claimed_at as "claimedAt", %claim_expires_at as "claimExpiresAt",
  %created_at as "createdAt", %updated_at as "updatedAt", %started_at as "startedAt", %completed_at as "completedAt"`;

const under = (alias: string): Prisma.Sql => Prisma.raw(columns.replaceAll('%', `${alias}.`));

/** The columns of an `Assessment` in a select list, of the table or CTE called `s`, `h` (held) or `c` (changed). */
export const assessmentColumns: Readonly<Record<'s' | 'h' | 'c', Prisma.Sql>> = { s: under('s'), h: under('h'), c: under('c') };
