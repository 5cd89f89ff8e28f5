import { Prisma } from '../generated/prisma/client.ts';
import type { Assessment } from './assessment.ts';
import type { Database } from './database.ts';
import type { AssessmentState } from './lifecycle.ts';
import type { LogPlace } from './log-place.ts';
import { type LogPoint, pointOf } from './log-point.ts';
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

/** One history of the database cluster: what is written in it has transaction ids that can be compared. */
export interface LogEpoch {
  readonly epoch: number;
  readonly history: string;
  /** Rows up to this were written before, and count as settled. */
  readonly firstSeq: bigint;
}

/** How far deletions have cut into the log: the newest transaction and the highest `seq` of what is gone. */
export interface LogCut {
  readonly txid: bigint;
  readonly seq: bigint;
}

/** How the log stood when it was read. */
export interface LogState {
  readonly history: string;
  readonly cut: LogCut | undefined;
}

/** Most entries of one read. */
export const pageSize = 1_000;
/** How many entries of the log are looked at for one page of a replay, whoever's they are. */
const scanSize = 2_000;

// As of its version. Rows without a priority are older than the columns beside it: what they lack is taken from what is known otherwise.
const entryColumns = Prisma.sql`a.seq::text as "seq", a.txid::text as "txid", upper(a.old_state::text) as "previousState",
  s.id, s.tenant_id as "tenantId", s.assessment_id as "assessmentId", upper(a.new_state::text) as "state", a.version_to as "version",
  upper(s.type::text) as "type", upper(s.source::text) as "source",
  case when a.priority is null then s.server_name else a.server_name end as "serverName", a.error_message as "errorMessage",
  a.message, a.progress::int as "progress", coalesce(a.priority, s.priority)::int as "priority", a.retry_count as "retryCount",
  coalesce(a.max_retries, s.max_retries) as "maxRetries", a.next_retry_at as "nextRetryAt",
  case when a.priority is null then s.timeout_ms else a.timeout_ms end as "timeoutMs", a.claimed_by as "claimedBy",
  a.claimed_at as "claimedAt", a.claim_expires_at as "claimExpiresAt", s.created_at as "createdAt", a.created_at as "updatedAt",
  case when a.priority is not null then a.started_at
    when a.new_state = 'pending' or (a.new_state = 'cancelled' and a.old_state = 'pending') then null
    else (select max(e.created_at) from assessment_state_audit e where e.tenant_id = a.tenant_id and e.assessment_id = a.assessment_id
      and e.version_to <= a.version_to and e.new_state = 'processing' and e.old_state <> 'processing') end as "startedAt",
  p.progress::int as "beforeProgress", p.retry_count as "beforeRetryCount", coalesce(p.priority, s.priority)::int as "beforePriority",
  case when p.priority is null then s.server_name else p.server_name end as "beforeServerName", p.created_at as "beforeUpdatedAt"`;

const joined = Prisma.sql`
  join assessment_states s on s.tenant_id = a.tenant_id and s.assessment_id = a.assessment_id
  left join assessment_state_audit p on p.tenant_id = a.tenant_id and p.assessment_id = a.assessment_id and p.version_to = a.version_from`;

const stateColumns = Prisma.sql`assessment_log_history() as "history",
  (select c.txid::text from assessment_log_cut c order by c.txid desc limit 1) as "cutTxid",
  (select max(c.seq)::text from assessment_log_cut c) as "cutSeq"`;

type EntryRow = Omit<Assessment, 'completedAt'> & {
  seq: string;
  txid: string;
  previousState: AssessmentState | null;
  beforeProgress: number | null;
  beforeRetryCount: number | null;
  beforePriority: number | null;
  beforeServerName: string | null;
  beforeUpdatedAt: Date | null;
};
interface StateRow {
  history: string;
  cutTxid: string | null;
  cutSeq: string | null;
}
/** The state of the log stands in every row, also when there is no entry. */
type Row = StateRow & (EntryRow | { seq: null });

/** Enters the log: its epoch, and the point that it has reached now. */
export async function enterLog(db: Database): Promise<{ epoch: LogEpoch; now: LogPoint }> {
  type Entered = { epoch: number; history: string; firstSeq: string; snapshot: string; newest: string };
  const [row] = await db.$queryRaw<[Entered]>`/* enterLog */
    with entered as materialized (select * from assessment_log_enter())
    select e.epoch, e.history, e.first_seq::text as "firstSeq", pg_current_snapshot()::text as "snapshot",
      coalesce((select a.txid from assessment_state_audit a where a.txid < pg_snapshot_xmax(pg_current_snapshot()) order by a.txid desc limit 1), '0'::xid8)::text as "newest"
    from entered e`;
  const { epoch, history, firstSeq, snapshot, newest } = row;
  return { epoch: { epoch, history, firstSeq: BigInt(firstSeq) }, now: pointOf(snapshot, BigInt(newest)) };
}

/** What the end of the log brought. */
export interface Fresh {
  readonly state: LogState;
  readonly entries: readonly LogEntry[];
  /** The point that was reached; what was settled by then and is not among the entries follows them: see `readLog`. */
  readonly to: LogPoint;
  readonly complete: boolean;
}

/** What has been settled since a point, in ONE statement: up to `pageSize` entries of all tenants, by `seq`. */
export async function readFresh(db: Database, { firstSeq }: LogEpoch, from: LogPoint): Promise<Fresh> {
  const rows = await db.$queryRaw<(Row & { snapshot: string; newest: string | null })[]>`/* readFresh */
    with unsettled as materialized (
      select a.seq, a.txid from assessment_state_audit a
      where a.txid >= ${String(from.xmax)}::text::xid8 and a.txid < pg_snapshot_xmax(pg_current_snapshot()) and a.seq > ${firstSeq}::bigint
      union all
      select a.seq, a.txid from assessment_state_audit a
      where a.txid = any(${from.running.map(String)}::text[]::xid8[]) and a.seq > ${firstSeq}::bigint
    ), fresh as materialized (select seq from unsettled order by seq limit ${pageSize + 1}::int)
    select now.*, ${entryColumns}
    from (select pg_current_snapshot()::text as "snapshot", (select u.txid::text from unsettled u order by u.txid desc limit 1) as "newest", ${stateColumns}) as now
    left join (fresh f join assessment_state_audit a on a.seq = f.seq ${joined}) on true
    order by a.seq`;
  const [first] = rows;
  if (first === undefined) throw new Error('the log gave no answer');
  const newest = first.newest === null ? 0n : BigInt(first.newest);
  const entries = entriesOf(rows);
  const known = from.xmax - 1n;
  return {
    state: stateOf(first),
    entries: entries.slice(0, pageSize),
    to: pointOf(first.snapshot, newest > known ? newest : known),
    complete: entries.length <= pageSize,
  };
}

/** A piece of a step of the log. */
export interface LogPage {
  readonly state: LogState;
  readonly entries: readonly LogEntry[];
  /** How far the log has been looked through. */
  readonly seq: bigint;
  /** Whether nothing more follows in this step. */
  readonly complete: boolean;
}

/**
 * What follows a place within its step, looking at a bounded number of rows whatever they hold, in ONE statement.
 * @param tenantId whose entries; undefined for all.
 */
export async function readLog(
  db: Database,
  { from, to, seq }: LogPlace,
  firstSeq: bigint,
  tenantId: string | undefined,
  most: number,
): Promise<LogPage> {
  const ofTenant = tenantId === undefined ? Prisma.sql`true` : Prisma.sql`l.tenant_id = ${tenantId}`;
  const settledBefore = Prisma.sql`(l.seq <= ${firstSeq}::bigint and ${from.xmax > 0n}::boolean)`;
  const rows = await db.$queryRaw<
    (Row & { lastSeq: string | null; looked: number; found: number; lastFound: string | null })[]
  >`/* readLog */
    with looked as materialized (
      select l.seq, l.txid, l.tenant_id from assessment_state_audit l where l.seq > ${seq}::bigint order by l.seq limit ${scanSize}::int
    ), found as materialized (
      select l.seq from looked l
      where ${ofTenant} and not ${settledBefore}
        and ((l.txid < ${String(to.xmax)}::text::xid8 and l.txid <> all(${to.running.map(String)}::text[]::xid8[])) or l.seq <= ${firstSeq}::bigint)
        and (l.txid >= ${String(from.xmax)}::text::xid8 or l.txid = any(${from.running.map(String)}::text[]::xid8[]) or l.seq <= ${firstSeq}::bigint)
      order by l.seq limit ${most}::int
    )
    select page.*, ${entryColumns}
    from (select (select max(l.seq)::text from looked l) as "lastSeq", (select count(*)::int from looked) as "looked",
      (select count(*)::int from found) as "found", (select max(f.seq)::text from found f) as "lastFound", ${stateColumns}) as page
    left join (found f join assessment_state_audit a on a.seq = f.seq ${joined}) on true
    order by a.seq`;
  const [first] = rows;
  if (first === undefined) throw new Error('the log gave no answer');
  const cutShort = first.found >= most;
  return {
    state: stateOf(first),
    entries: entriesOf(rows),
    seq: cutShort && first.lastFound !== null ? BigInt(first.lastFound) : first.lastSeq === null ? seq : BigInt(first.lastSeq),
    complete: !cutShort && first.looked < scanSize,
  };
}

/** Before which `seq` there is nothing of a step. */
export async function firstSeqOf(db: Database, { firstSeq }: LogEpoch, from: LogPoint): Promise<bigint> {
  if (from.xmax === 0n) return 0n;
  const [row] = await db.$queryRaw<[{ seq: string | null }]>`/* firstSeqOf */
    select min(seq)::text as "seq" from (
      select min(a.seq) as seq from assessment_state_audit a
      where a.txid >= ${String(from.xmax)}::text::xid8 and a.txid < pg_snapshot_xmax(pg_current_snapshot()) and a.seq > ${firstSeq}::bigint
      union all
      select min(a.seq) from assessment_state_audit a
      where a.txid = any(${from.running.map(String)}::text[]::xid8[]) and a.seq > ${firstSeq}::bigint
    ) as lowest`;
  return row.seq === null ? maxSeq : BigInt(row.seq) - 1n;
}

const maxSeq = 9_223_372_036_854_775_807n;

const stateOf = ({ history, cutTxid, cutSeq }: StateRow): LogState => ({
  history,
  cut: cutTxid === null || cutSeq === null ? undefined : { txid: BigInt(cutTxid), seq: BigInt(cutSeq) },
});

const entriesOf = (rows: readonly Row[]): LogEntry[] => rows.flatMap((row) => (row.seq === null ? [] : [entryOf(row)]));

const completedAt = (state: AssessmentState, updatedAt: Date): Date | null =>
  state === 'COMPLETED' || state === 'FAILED' ? updatedAt : null;

function entryOf(row: EntryRow): LogEntry {
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
