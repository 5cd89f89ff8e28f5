import { allRefused } from '../store/all-refused.ts';
import { InvalidInputError, RefusalError } from '../store/errors.ts';
import type { Calls, Repeat } from './calls.ts';
import { checkObject, encodeInput, encodeVariables } from './encode.ts';

export interface ItemBatch<Sent, Result> {
  document: string;
  repeat: Repeat;
  /** The input of the batch, and in it the name of the list of its items. */
  input: unknown;
  list: string;
  /** An item as it is sent. */
  itemOf: (item: unknown) => unknown;
  /** What the caller is given for the item of this index, or its refusal. */
  read: (sent: Sent, index: number) => Result | Error;
  timeoutMs: number;
  signal: AbortSignal;
}

/** An item as JSON can carry it, and its place in the input. */
interface Entry {
  item: unknown;
  index: number;
}

/**
 * Does a batch as the store does it: an item that is wrong is refused by itself. What JSON cannot carry is found before anything is sent; where
 * GraphQL does not take a value the service did nothing, and the others are sent without that item.
 * @throws InvalidInputError (the batch as such), and as the calls do
 */
export async function runItemBatch<Sent, Result>(calls: Calls, batch: ItemBatch<Sent, Result>): Promise<(Result | Error)[]> {
  const { list, itemOf } = batch;
  const { [list]: items, atomic } = checkObject(batch.input) as Record<string, unknown>;
  if (!Array.isArray(items)) throw new InvalidInputError([{ path: [list], message: 'must be a list' }]);
  const rest = encodeVariables({ atomic });
  const results = new Array<Result | Error>(items.length);
  let entries = encoded(items.map(itemOf), results);
  for (;;) {
    if (atomic === true && entries.length < items.length) return allRefused(results as (Result | RefusalError)[]);
    if (entries.length === 0 && items.length > 0) return results;
    try {
      const given = await send(calls, batch, rest, entries);
      for (const [position, { index }] of entries.entries()) results[index] = given[position] as Result | Error;
      return results;
    } catch (error) {
      const refused = refusedItems(error, list, entries.length);
      for (const [position, refusal] of refused) results[(entries[position] as Entry).index] = refusal;
      entries = entries.filter((_, position) => !refused.has(position));
    }
  }
}

const send = <Sent, Result>(
  calls: Calls,
  { document, repeat, list, read, timeoutMs, signal }: ItemBatch<Sent, Result>,
  rest: object,
  entries: readonly Entry[],
): Promise<(Result | Error)[]> =>
  calls.send({
    ...{ document, repeat, timeoutMs, signal, variables: { input: { ...rest, [list]: entries.map(({ item }) => item) } } },
    decode: ({ results }: { results: Sent[] }) => entries.map(({ index }, position) => read(results[position] as Sent, index)),
  });

function encoded(items: readonly unknown[], results: unknown[]): Entry[] {
  const entries: Entry[] = [];
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
