import { type Database, isLockTimeout } from './database.ts';
import { UnavailableError } from './errors.ts';
import { type LogPoint, maxRunning, parseSnapshot, pointOf, type Snapshot } from './log-point.ts';

/** One history of the database: what is written in it has transaction ids that can be compared. */
export interface LogEpoch {
  readonly epoch: number;
  readonly history: string;
  /** Rows up to this were written before, and count as settled. */
  readonly firstSeq: bigint;
}

export interface Entered {
  readonly epoch: LogEpoch;
  /** The point that the log has reached. */
  readonly now: LogPoint;
  readonly snapshot: Snapshot;
}

/**
 * Enters the log, in a new epoch when the database has another history than before.
 * @throws UnavailableError when that has to wait for a transaction that is under way.
 */
export async function enterLog(db: Database): Promise<Entered> {
  type Row = { epoch: number; history: string; firstSeq: string; snapshot: string; newest: string };
  const rows = await db.$queryRaw<[Row]>`/* enterLog */
    with entered as materialized (select * from assessment_log_enter()),
    now as materialized (
      select pg_current_snapshot() as snapshot, coalesce(
        (select x from pg_snapshot_xip(pg_current_snapshot()) x order by x offset ${maxRunning}::int limit 1),
        pg_snapshot_xmax(pg_current_snapshot())) as upper
    )
    select e.epoch, e.history, e.first_seq::text as "firstSeq", n.snapshot::text as "snapshot", greatest(
        (select a.txid from assessment_state_audit a where a.txid < n.upper and a.txid >= e.begun_by and a.seq > e.first_seq order by a.txid desc limit 1),
        (select c.cut_by from assessment_log_cut c where c.cut_by < n.upper order by c.cut_by desc limit 1),
        least(e.begun_by, (n.upper::text::bigint - 1)::text::xid8))::text as "newest"
    from entered e, now n`.catch((error: unknown) => {
    throw isLockTimeout(error) ? newEpochWaits(error) : error;
  });
  const [{ epoch, history, firstSeq, snapshot: text, newest }] = rows;
  const snapshot = parseSnapshot(text);
  return { epoch: { epoch, history, firstSeq: BigInt(firstSeq) }, now: pointOf(snapshot, BigInt(newest)), snapshot };
}

const newEpochWaits = (cause: unknown): UnavailableError =>
  new UnavailableError(
    'OVERLOADED',
    'Feeds begin anew on this database as soon as a change that is under way has ended; ask again.',
    5_000,
    { cause },
  );
