import { createHash } from 'node:crypto';
import { InvalidInputError } from './errors.ts';
import { parseJson } from './json.ts';

/** Which rows of a list: the first or the last so many, after or before a cursor. Not given: the first {@link defaultPageSize}. */
export interface Page {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}

/** One page of a list; `items` in the order of the list, each with the cursor that names its place. */
export interface Connection<Item> {
  items: { node: Item; cursor: string }[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

export const defaultPageSize = 20;
export const maxPageSize = 100;

/** A checked page: how many, from which end, and the places between which it lies. */
export interface Window<Place> {
  size: number;
  backward: boolean;
  after: Place | undefined;
  before: Place | undefined;
}

/**
 * Checks a page and decodes its cursors.
 * @throws InvalidInputError naming `first`, `last`, `after` or `before`.
 */
export function windowOf<Place>(page: Page, decode: (cursor: string, argument: string) => Place): Window<Place> {
  const { first, last, after, before } = page;
  if (isGiven(first) && isGiven(last)) {
    throw new InvalidInputError([{ path: ['last'], message: 'must not be given together with first: ask for one end of the list' }]);
  }
  checkSize('first', first);
  checkSize('last', last);
  return {
    size: first ?? last ?? defaultPageSize,
    backward: isGiven(last),
    after: isGiven(after) ? decode(after, 'after') : undefined,
    before: isGiven(before) ? decode(before, 'before') : undefined,
  };
}

/** The page for rows that were read in reading order, one more than the size where there is one more. */
export function connectionOf<Row>(rows: readonly Row[], window: Window<unknown>, cursorOf: (row: Row) => string): Connection<Row> {
  const more = rows.length > window.size;
  const kept = rows.slice(0, window.size);
  if (window.backward) kept.reverse();
  return {
    items: kept.map((node) => ({ node, cursor: cursorOf(node) })),
    hasNextPage: window.backward ? window.before !== undefined : more,
    hasPreviousPage: window.backward ? more : window.after !== undefined,
  };
}

/** An opaque cursor for a place: its values with a checksum, so that a cursor that was damaged or tinkered with is noticed. */
export function encodeCursor(kind: string, place: readonly unknown[]): string {
  const body = JSON.stringify([kind, ...place]);
  return Buffer.from(checksum(body) + body).toString('base64url');
}

/**
 * The values of a cursor. The checksum notices damage, not a forger, who can compute it: check that they are what the list's places hold.
 * @throws InvalidInputError naming the argument when it is no cursor, was changed, or belongs to another list or order.
 */
export function decodeCursor(kind: string, cursor: string, argument: string): unknown[] {
  const text = Buffer.from(cursor, 'base64url').toString();
  const body = text.slice(checksumLength);
  const isOurs =
    cursor.length <= maxLength && Buffer.from(text).toString('base64url') === cursor && text.slice(0, checksumLength) === checksum(body);
  const parsed = isOurs ? parseJson(body) : undefined;
  if (!Array.isArray(parsed)) throw notACursor(argument);
  const [of, ...place]: unknown[] = parsed;
  if (of !== kind)
    throw new InvalidInputError([
      { path: [argument], message: 'is a cursor of another list, or of the same list in another order (orderBy)' },
    ]);
  return place;
}

/** The refusal of a cursor that this service did not make. */
export const notACursor = (argument: string): InvalidInputError =>
  new InvalidInputError([
    { path: [argument], message: "is not a cursor that this service gave: use pageInfo.endCursor or an edge's cursor as it is" },
  ]);

const checksumLength = 8;
/** A place in a feed names every transaction that was under way. */
const maxLength = 16_384;
const checksum = (body: string): string =>
  createHash('sha256').update('assessment-store cursor').update(body).digest('hex').slice(0, checksumLength);
const isGiven = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;

function checkSize(argument: string, size: number | null | undefined): void {
  if (!isGiven(size)) return;
  if (!Number.isInteger(size) || size < 0 || size > maxPageSize) {
    throw new InvalidInputError([{ path: [argument], message: `must be a whole number from 0 to ${maxPageSize}, not ${size}` }]);
  }
}
