import { allRefused } from '../store/all-refused.ts';
import { InvalidInputError, RefusalError } from '../store/errors.ts';
import { encodeInput } from './encode.ts';

export interface ItemBatch<Result> {
  /** The name of the list in the input. */
  list: string;
  items: readonly unknown[];
  atomic: boolean;
  /** Sends some of the items; gives for each what the caller is given, or its refusal. */
  send: (entries: readonly ItemEntry[]) => Promise<(Result | Error)[]>;
}

/** An item as JSON can carry it, and its place in the input. */
export interface ItemEntry {
  item: unknown;
  index: number;
}

/**
 * Does a batch as the store does it: an item that is wrong is refused by itself. What JSON cannot carry is found before anything is sent; where
 * GraphQL does not take a value the service did nothing, and the others are sent without that item.
 * @throws InvalidInputError (the batch as such), and as the calls do
 */
export async function runItemBatch<Result>({ list, items, atomic, send }: ItemBatch<Result>): Promise<(Result | Error)[]> {
  const results = new Array<Result | Error>(items.length);
  let entries = encoded(items, results);
  for (;;) {
    if (atomic && entries.length < items.length) return allRefused(results as (Result | RefusalError)[]);
    if (entries.length === 0 && items.length > 0) return results;
    try {
      const given = await send(entries);
      for (const [position, { index }] of entries.entries()) results[index] = given[position] as Result | Error;
      return results;
    } catch (error) {
      const refused = refusedItems(error, list, entries.length);
      for (const [position, refusal] of refused) results[(entries[position] as ItemEntry).index] = refusal;
      entries = entries.filter((_, position) => !refused.has(position));
    }
  }
}

function encoded(items: readonly unknown[], results: unknown[]): ItemEntry[] {
  const entries: ItemEntry[] = [];
  for (const [index, item] of items.entries()) {
    try {
      entries.push({ item: encodeInput(item), index });
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      results[index] = error;
    }
  }
  return entries;
}

/** The items that were not taken, by their places among those that were sent. @throws the error where it is not about items */
function refusedItems(error: unknown, list: string, count: number): Map<number, InvalidInputError> {
  if (!(error instanceof InvalidInputError)) throw error;
  const refused = new Map<number, InvalidInputError['fields']>();
  const others = [];
  for (const field of error.fields) {
    const [name, place, ...path] = field.path;
    const position = Number(place);
    if (name === list && Number.isInteger(position) && position < count)
      refused.set(position, [...(refused.get(position) ?? []), { ...field, path }]);
    else others.push(field);
  }
  if (others.length > 0) throw refused.size > 0 ? new InvalidInputError(others) : error;
  return new Map([...refused].map(([position, fields]) => [position, new InvalidInputError(fields)]));
}
