import { decodeCursor, encodeCursor, notACursor } from './cursor.ts';
import { decodePoint, encodePoint, type LogPoint, logBeginning } from './log-point.ts';

/**
 * A place in the log, in the order in which feeds are read. Changes are read in steps, each from one point to a later one: what was
 * settled at `to` and not at `from`, by `seq`. That is commit order between steps, and within a step the order in which the changes were
 * made, so an assessment's versions never change places. The place is after `seq` in its step.
 */
export interface LogPlace {
  /** See `LogEpoch`. */
  readonly epoch: number;
  readonly from: LogPoint;
  readonly to: LogPoint;
  readonly seq: bigint;
}

const kind = 'FEED';
/** Asks for everything that the log still holds. */
const beginning = '0';

/** A cursor for a place; opaque. */
export const encodePlace = ({ epoch, from, to, seq }: LogPlace): string =>
  encodeCursor(kind, [epoch, encodePoint(from), encodePoint(to), String(seq)]);

/**
 * The place that a cursor names; undefined for "0", before everything.
 * @throws InvalidInputError when it is no cursor of a feed.
 */
export function decodePlace(cursor: string, argument: string): LogPlace | undefined {
  if (cursor === beginning) return undefined;
  const [epoch, from, to, seq] = decodeCursor(kind, cursor, argument);
  const place = {
    epoch: Number(epoch),
    from: decodePoint(from),
    to: decodePoint(to),
    seq: /^\d{1,19}$/.test(String(seq)) ? BigInt(String(seq)) : -1n,
  };
  if (!Number.isSafeInteger(place.epoch) || place.from === undefined || place.to === undefined || place.seq < 0n || place.seq > maxBigint)
    throw notACursor(argument);
  return { epoch: place.epoch, from: place.from, to: place.to, seq: place.seq };
}

const maxBigint = 9_223_372_036_854_775_807n;

/** The first place of all. */
export const beginningOf = (epoch: number, to: LogPoint): LogPlace => ({ epoch, from: logBeginning, to, seq: 0n });

/** Where a step begins that goes on from a point. */
export const stepFrom = (epoch: number, from: LogPoint, to: LogPoint): LogPlace => ({ epoch, from, to, seq: 0n });

/** Where a step has been read to its end. */
export const endOfStep = ({ epoch, to }: LogPlace): LogPlace => ({ epoch, from: to, to, seq: 0n });
