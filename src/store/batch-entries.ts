import { setImmediate as nextTurn } from 'node:timers/promises';
import { type AssessmentKey, keyString } from './assessment.ts';
import { InvalidInputError, type RefusalError } from './errors.ts';

/** An item of a batch, checked, and its place in the input. */
export interface Entry<Item> {
  item: Item;
  index: number;
}

/** As many items as one statement takes; and between two of them other callers have their turn. */
export const chunkSize = 500;

/** Checks the items; those that are wrong are refused in `results`, at their places. Lets others have their turn now and then. */
export async function checkEntries<Item, Result>(
  inputs: readonly unknown[],
  results: (Result | RefusalError)[],
  itemOf: (input: unknown) => Item,
): Promise<Entry<Item>[]> {
  const entries: Entry<Item>[] = [];
  for (const [index, input] of inputs.entries()) {
    if (index > 0 && index % checksPerTurn === 0) await nextTurn();
    try {
      entries.push({ item: itemOf(input), index });
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      results[index] = error;
    }
  }
  return entries;
}

const checksPerTurn = 100;

/** Rounds of which each names an assessment once: the second item on an assessment is in the second round, and so on. */
export function roundsOf<Item extends AssessmentKey>(entries: readonly Entry<Item>[]): Entry<Item>[][] {
  const rounds: Entry<Item>[][] = [];
  const seen = new Map<string, number>();
  for (const entry of entries) {
    const key = keyString(entry.item);
    const round = seen.get(key) ?? 0;
    seen.set(key, round + 1);
    const others = rounds[round];
    if (others === undefined) rounds.push([entry]);
    else others.push(entry);
  }
  return rounds;
}

/** In parts of at most `size`. */
export function* chunksOf<T>(items: readonly T[], size = chunkSize): Generator<T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
