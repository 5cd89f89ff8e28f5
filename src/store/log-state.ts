import { Prisma } from '../generated/prisma/client.ts';
import type { LogPlace } from './log-place.ts';
import { isSettled, type LogPoint, parseSnapshot, type Snapshot } from './log-point.ts';

/** What a deletion has taken out of the log: the newest transaction and the highest `seq` of a tenant's rows that are gone. */
export interface LogCut {
  readonly tenantId: string;
  /** The transaction that deleted. */
  readonly cutBy: bigint;
  readonly txid: bigint;
  readonly seq: bigint;
}

/** How the log stood when it was read. */
export interface LogState {
  /** See `LogEpoch`. */
  readonly history: string;
  readonly snapshot: Snapshot;
  /** Deletions, of those who were asked about, since the place that was read from. */
  readonly cuts: readonly LogCut[];
}

export interface StateRow {
  history: string;
  snapshot: string;
  cuts: Record<keyof LogCut, string>[] | null;
}

/** The point since which deletions matter to a reader at a place: before all that there is, it is the one that it set out at. */
const knownBy = ({ from, to }: LogPlace): LogPoint => (from.xmax === 0n ? to : from);

/** The columns of a `LogState`, with the deletions that a reader at this place cannot know; of one tenant, or of all. */
export function stateColumns(place: LogPlace, tenantId: string | undefined): Prisma.Sql {
  const { xmax, running } = knownBy(place);
  const ofTenant = tenantId === undefined ? Prisma.sql`true` : Prisma.sql`c.tenant_id = ${tenantId}`;
  return Prisma.sql`assessment_log_history() as "history", pg_current_snapshot()::text as "snapshot",
    (select json_agg(json_build_object('tenantId', c.tenant_id, 'cutBy', c.cut_by::text, 'txid', c.txid::text, 'seq', c.seq::text))
      from assessment_log_cut c
      where ${ofTenant} and (c.cut_by >= ${String(xmax)}::text::xid8 or c.cut_by = any(${running.map(String)}::text[]::xid8[]))) as "cuts"`;
}

export const stateOf = ({ history, snapshot, cuts }: StateRow): LogState => ({
  history,
  snapshot: parseSnapshot(snapshot),
  cuts: (cuts ?? []).map(({ tenantId, cutBy, txid, seq }) => ({ tenantId, cutBy: BigInt(cutBy), txid: BigInt(txid), seq: BigInt(seq) })),
});

/**
 * Whether a deletion may have taken what a reader at this place has not read yet. It errs on the side of loss, where a transaction that
 * the reader knows as running has ended since.
 */
export function isLost({ txid, seq, cutBy }: LogCut, place: LogPlace, { running }: Snapshot): boolean {
  const isAtStart = place.from.xmax === 0n && place.seq === 0n; // has been told of nothing yet, and misses nothing
  if (isAtStart || isSettled(knownBy(place), cutBy)) return false;
  const hasRead = (point: LogPoint): boolean => txid < (point.running.find((other) => !running.includes(other)) ?? point.xmax);
  return !hasRead(place.from) && !(seq <= place.seq && hasRead(place.to));
}
