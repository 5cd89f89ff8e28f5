import { Prisma } from '../generated/prisma/client.ts';
import type { Database } from './database.ts';
import { type EntryRow, entryColumns, entryOf, type LogEntry } from './log-entry.ts';
import type { LogEpoch } from './log-epoch.ts';
import { type LogPlace, stepFrom } from './log-place.ts';
import { type LogPoint, maxRunning, pointOf } from './log-point.ts';
import { type LogState, type StateRow, stateColumns, stateOf } from './log-state.ts';

/** A piece of a step of the log. */
export interface LogPage {
  readonly state: LogState;
  readonly entries: readonly LogEntry[];
  /** How far in its step the log has been looked through. */
  readonly seq: bigint;
  /** Whether nothing more follows in this step. */
  readonly complete: boolean;
}

/** How many rows of a step are worth sorting to get at a page of it, for each entry of the page. */
const sortedForEach = 10;
/** How many rows of the log are looked at for one page, whoever's they are. */
const scanSize = 20_000;

/** The state of the log stands in every row, also when there is no entry. */
type Row = StateRow & (EntryRow | { seq: null });

// One at a time by their keys: a planner that takes a short list for a long one would read the tables from end to end.
const entriesOf = (found: Prisma.Sql): Prisma.Sql => Prisma.sql`(${found} f
    join lateral (select * from assessment_state_audit a where a.seq = f.seq limit 1) a on true
    join lateral (select * from assessment_states s where s.tenant_id = a.tenant_id and s.assessment_id = a.assessment_id limit 1) s on true
    left join lateral (select * from assessment_state_audit p where p.tenant_id = a.tenant_id and p.assessment_id = a.assessment_id
      and p.version_to = a.version_from limit 1) p on true) on true`;

const xid = (txid: bigint): Prisma.Sql => Prisma.sql`${String(txid)}::text::xid8`;
const xids = (txids: readonly bigint[]): Prisma.Sql => Prisma.sql`${txids.map(String)}::text[]::xid8[]`;
// To be looked up one by one: for a list of some length the planner would rather read the table.
const eachOf = (txids: readonly bigint[]): Prisma.Sql => Prisma.sql`(select unnest(${xids(txids)}) as txid)`;

/** What has been settled since a point. */
export interface Fresh extends LogPage {
  /** The point that was reached. */
  readonly to: LogPoint;
}

/** What has been settled since a point, of all tenants, in ONE statement; what does not fit into its page follows in the step from there to `to`. */
export async function readFresh(db: Database, { epoch, firstSeq }: LogEpoch, from: LogPoint, most: number): Promise<Fresh> {
  const isNew = Prisma.sql`a.txid >= ${xid(from.xmax)} and a.txid < (select upper from now) and a.seq > ${firstSeq}::bigint`;
  const rows = await db.$queryRaw<(Row & { upper: string; newest: string | null; found: number })[]>`/* readFresh */
    with now as materialized (
      select coalesce(
        (select greatest(x, ${xid(from.xmax)}) from pg_snapshot_xip(pg_current_snapshot()) x order by x offset ${maxRunning}::int limit 1),
        pg_snapshot_xmax(pg_current_snapshot())) as upper
    ), fresh as materialized (
      select u.seq from (
        select a.seq from assessment_state_audit a where ${isNew}
        union all
        select a.seq from ${eachOf(from.running)} r cross join lateral (
          select a.seq from assessment_state_audit a where a.txid = r.txid and a.seq > ${firstSeq}::bigint order by a.seq limit ${most + 1}::int) a
      ) u order by u.seq limit ${most + 1}::int
    ), page as materialized (
      select now.upper::text as "upper", (select count(*)::int from fresh) as "found",
        (select a.txid::text from assessment_state_audit a where ${isNew} order by a.txid desc limit 1) as "newest",
        ${stateColumns(stepFrom(epoch, from, from), undefined)} from now
    )
    select page.*, ${entryColumns} from page left join ${entriesOf(Prisma.sql`(select seq from fresh order by seq limit ${most}::int)`)}
    order by a.seq`;
  const { first, state, entries } = read(rows);
  const upper = BigInt(first.upper);
  const written = [from.xmax - 1n, BigInt(first.newest ?? 0), ...state.cuts.map(({ cutBy }) => cutBy).filter((txid) => txid < upper)];
  const newest = written.reduce((highest, txid) => (txid > highest ? txid : highest));
  return { state, entries, seq: entries.at(-1)?.seq ?? 0n, complete: first.found <= most, to: pointOf(state.snapshot, newest) };
}

/**
 * What follows a place within its step, of a tenant or of all. A small step is found by its transactions; of a large one the log is looked
 * through from the place on, a bounded piece at a time. Tell by `isLarge` what is known of the step.
 */
export async function readStep(
  db: Database,
  epoch: LogEpoch,
  place: LogPlace,
  tenantId: string | undefined,
  most: number,
  isLarge: boolean,
): Promise<LogPage & { isLarge: boolean }> {
  const small = isLarge || place.from.xmax === 0n ? undefined : await readSmallStep(db, epoch, place, tenantId, most);
  if (small !== undefined) return { ...small, isLarge: false };
  const start = isLarge || place.from.xmax === 0n ? place : { ...place, seq: await firstSeqOf(db, epoch, place) };
  return { ...(await readLargeStep(db, epoch, start, tenantId, most)), isLarge: true };
}

/** As readStep, in ONE statement; undefined when the step has too many rows to sort them for every page. */
async function readSmallStep(
  db: Database,
  { firstSeq }: LogEpoch,
  place: LogPlace,
  tenantId: string | undefined,
  most: number,
): Promise<LogPage | undefined> {
  const { from, to, seq } = place;
  const tooMany = most * sortedForEach;
  const unread = Prisma.sql`a.txid <> all(${xids(to.running)}) and a.seq > ${seq > firstSeq ? seq : firstSeq}::bigint`;
  const rows = await db.$queryRaw<(Row & { isSmall: boolean; found: number })[]>`/* readSmallStep */
    with step as materialized (
      (select a.seq, a.tenant_id from assessment_state_audit a where a.txid >= ${xid(from.xmax)} and a.txid < ${xid(to.xmax)} and ${unread}
        order by a.txid limit ${tooMany}::int)
      union all
      (select a.seq, a.tenant_id from ${eachOf(from.running)} r cross join lateral (
        select a.seq, a.tenant_id from assessment_state_audit a where a.txid = r.txid and ${unread} limit ${tooMany}::int) a limit ${tooMany}::int)
    ), size as materialized (select count(*) < ${tooMany}::int as "isSmall" from step),
    found as materialized (
      select l.seq from step l where (select "isSmall" from size) and ${ofTenant(tenantId)} order by l.seq limit ${most}::int
    ), page as materialized (
      select size."isSmall", (select count(*)::int from found) as "found", ${stateColumns(place, tenantId)} from size
    )
    select page.*, ${entryColumns} from page left join ${entriesOf(Prisma.sql`found`)}
    order by a.seq`;
  const { first, state, entries } = read(rows);
  if (!first.isSmall) return undefined;
  return { state, entries, seq: entries.at(-1)?.seq ?? seq, complete: first.found < most };
}

/** As readStep, in ONE statement that looks at a bounded number of rows whatever they hold. */
async function readLargeStep(
  db: Database,
  { firstSeq }: LogEpoch,
  place: LogPlace,
  tenantId: string | undefined,
  most: number,
): Promise<LogPage> {
  const { from, to, seq } = place;
  const isInTo = Prisma.sql`l.txid < ${xid(to.xmax)} and l.txid <> all(${xids(to.running)})`;
  const isInStep =
    from.xmax === 0n
      ? Prisma.sql`(l.seq <= ${firstSeq}::bigint or (${isInTo}))`
      : Prisma.sql`(l.seq > ${firstSeq}::bigint and ${isInTo} and (l.txid >= ${xid(from.xmax)} or l.txid = any(${xids(from.running)})))`;
  const rows = await db.$queryRaw<(Row & { found: number; looked: number; lastSeq: string | null })[]>`/* readLargeStep */
    with found as materialized (
      select l.seq from (
        select a.seq, a.txid, a.tenant_id from assessment_state_audit a where a.seq > ${seq}::bigint order by a.seq limit ${scanSize}::int) l
      where ${ofTenant(tenantId)} and ${isInStep} order by l.seq limit ${most}::int
    ), piece as materialized (
      select max(l.seq)::text as "lastSeq", count(*)::int as "looked" from (
        select a.seq from assessment_state_audit a where a.seq > ${seq}::bigint order by a.seq limit ${scanSize}::int) l
      where (select count(*) from found) < ${most}::int
    ), page as materialized (select piece.*, (select count(*)::int from found) as "found", ${stateColumns(place, tenantId)} from piece)
    select page.*, ${entryColumns} from page left join ${entriesOf(Prisma.sql`found`)}
    order by a.seq`;
  const { first, state, entries } = read(rows);
  if (first.found >= most) return { state, entries, seq: entries.at(-1)?.seq ?? seq, complete: false };
  return { state, entries, seq: BigInt(first.lastSeq ?? seq), complete: first.looked < scanSize };
}

const ofTenant = (tenantId: string | undefined): Prisma.Sql =>
  tenantId === undefined ? Prisma.sql`true` : Prisma.sql`l.tenant_id = ${tenantId}`;

/** The highest `seq` from a place on before which there is nothing of its step. */
async function firstSeqOf(db: Database, { firstSeq }: LogEpoch, { from, to, seq }: LogPlace): Promise<bigint> {
  const after = seq > firstSeq ? seq : firstSeq;
  const [row] = await db.$queryRaw<[{ seq: string | null }]>`/* firstSeqOf */
    select min(seq)::text as "seq" from (
      select min(a.seq) as seq from assessment_state_audit a
      where a.txid >= ${xid(from.xmax)} and a.txid < ${xid(to.xmax)} and a.seq > ${after}::bigint
      union all
      select min(a.seq) from ${eachOf(from.running)} r cross join lateral (
        select a.seq from assessment_state_audit a where a.txid = r.txid and a.seq > ${after}::bigint order by a.seq limit 1) a
    ) as lowest`;
  return row.seq === null ? after : BigInt(row.seq) - 1n;
}

function read<Page extends Row>(rows: readonly Page[]): { first: Page; state: LogState; entries: LogEntry[] } {
  const [first] = rows;
  if (first === undefined) throw new Error('the log gave no answer');
  return { first, state: stateOf(first), entries: rows.flatMap((row) => (row.seq === null ? [] : [entryOf(row as EntryRow)])) };
}
