/**
 * A point in the history of the log (the audit trail): which transactions had committed by then. All below `xmax` had, but for those in
 * `running`. Points are ordered: what is settled at one is settled at every later one.
 *
 * This is a snapshot of PostgreSQL (https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT), cut off above the
 * newest transaction that wrote to the log: a crash may give the ids above it to other transactions.
 */
export interface LogPoint {
  readonly xmax: bigint;
  /** Ascending, each below `xmax`. */
  readonly running: readonly bigint[];
}

/** Before the first change. */
export const logBeginning: LogPoint = { xmax: 0n, running: [] };

/** Below this id every transaction had ended. */
export const horizonOf = ({ xmax, running }: LogPoint): bigint => running[0] ?? xmax;

export const isSamePoint = (a: LogPoint, b: LogPoint): boolean => encodePoint(a) === encodePoint(b);

/** The point of a snapshot (`xmin:xmax:running,…`), of which the newest transaction in the log is `newest`. */
export function pointOf(snapshot: string, newest: bigint): LogPoint {
  const [, , running = ''] = snapshot.split(':');
  const xmax = newest + 1n;
  return {
    xmax,
    running:
      running === ''
        ? []
        : running
            .split(',')
            .map(BigInt)
            .filter((txid) => txid < xmax),
  };
}

/** As a short text: `xmax:running,…`. */
export const encodePoint = ({ xmax, running }: LogPoint): string => `${xmax}:${running.join(',')}`;

const encoded = /^(\d{1,19}):((?:\d{1,19},)*\d{1,19})?$/;

/** The point of a text, or undefined when it is none. */
export function decodePoint(text: unknown): LogPoint | undefined {
  const [, xmax, running] = encoded.exec(String(text)) ?? [];
  if (xmax === undefined) return undefined;
  return { xmax: BigInt(xmax), running: running === undefined ? [] : running.split(',').map(BigInt) };
}
