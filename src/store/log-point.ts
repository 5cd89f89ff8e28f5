/**
 * A point in the history of the log (the audit trail): which transactions had committed by then. All below `xmax` had, but for those in
 * `running`. Points are ordered: what is settled at one is settled at every later one.
 *
 * This is a snapshot of PostgreSQL (https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT), cut off above the
 * newest transaction that wrote to the log: a crash may give the ids above it to other transactions.
 */
export interface LogPoint {
  readonly xmax: bigint;
  /** Ascending, each below `xmax`; at most `maxRunning`. */
  readonly running: readonly bigint[];
}

/**
 * Most transactions that a point names as running, which bounds the length of a cursor. Where more are under way, a point is set before
 * the first that is too many, and what has committed above it is read when some of them have ended.
 */
export const maxRunning = 400;

/** Before the first change. */
export const logBeginning: LogPoint = { xmax: 0n, running: [] };

/** Whether a transaction had ended by then. */
export const isSettled = ({ xmax, running }: LogPoint, txid: bigint): boolean => txid < xmax && !running.includes(txid);

export const isSamePoint = (a: LogPoint, b: LogPoint): boolean =>
  a === b || (a.xmax === b.xmax && a.running.length === b.running.length && a.running.every((txid, index) => txid === b.running[index]));

/** Whether everything that is settled at one point is settled at another. */
export const isReached = (point: LogPoint, by: LogPoint): boolean =>
  point.xmax <= by.xmax && by.running.every((txid) => txid >= point.xmax || point.running.includes(txid));

/** A snapshot of PostgreSQL, `xmin:xmax:running,…`. */
export interface Snapshot {
  readonly xmax: bigint;
  readonly running: readonly bigint[];
}

export function parseSnapshot(text: string): Snapshot {
  const [, xmax = '0', running = ''] = text.split(':');
  return { xmax: BigInt(xmax), running: running === '' ? [] : running.split(',').map(BigInt) };
}

/** The point of a snapshot when `newest` is the newest transaction that wrote to the log. */
export const pointOf = ({ running }: Snapshot, newest: bigint): LogPoint => ({
  xmax: newest + 1n,
  running: running.filter((txid) => txid <= newest),
});

/** As a short text: `xmax`, then downwards how far each running transaction is below the one before it. */
export function encodePoint({ xmax, running }: LogPoint): string {
  const above = [...running.slice(1), xmax];
  const steps = running.map((txid, index) => (above[index] ?? xmax) - txid);
  return [xmax, ...steps.reverse()].join('.');
}

const encoded = /^\d{1,19}(\.\d{1,19})*$/;

/** The point of a text, or undefined when it is none. */
export function decodePoint(text: unknown): LogPoint | undefined {
  if (typeof text !== 'string' || !encoded.test(text)) return undefined;
  const [xmax = 0n, ...steps] = text.split('.').map(BigInt);
  if (steps.length > maxRunning || steps.includes(0n)) return undefined;
  const running: bigint[] = [];
  for (const step of steps) running.unshift((running[0] ?? xmax) - step);
  return running[0] === undefined || running[0] >= 0n ? { xmax, running } : undefined;
}
