import type { AssessmentKey } from './assessment.ts';
import { chunksOf, type Entry, roundsOf } from './batch-entries.ts';
import type { BatchKind } from './batch-kind.ts';
import { InvalidInputError, RefusalError, UnavailableError } from './errors.ts';

/** How many chunks are under way at a time: while the database works on one, the next is made ready. */
const lanes = 2;

/**
 * Does each item as a command of its own, sharing statements with one another and with the commands of other callers. Items on the
 * same assessment are done one after the other. What becomes of each is put in `results`, at its place.
 * @throws the first fault that is not about an item; then no further ones are begun, and those that were have ended.
 */
export async function runSeparately<Item extends AssessmentKey, Outcome, Result>(
  kind: BatchKind<Item, Outcome, Result>,
  entries: readonly Entry<Item>[],
  results: (Result | RefusalError)[],
  deadline: number,
): Promise<void> {
  const faults: unknown[] = [];
  const run = async ({ item, index }: Entry<Item>): Promise<void> => {
    try {
      results[index] = await kind.runAlone(item, deadline);
    } catch (error) {
      if (error instanceof RefusalError) results[index] = error;
      else if (error instanceof UnavailableError) results[index] = lockedItem(error);
      else faults.push(error);
    }
  };
  for (const round of roundsOf(entries)) {
    const chunks = chunksOf(round);
    const lane = async (): Promise<void> => {
      for (const chunk of chunks) {
        await Promise.all(chunk.map(run));
        if (faults.length > 0) return;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (faults.length > 0) throw faults[0];
  }
}

/** A row that stayed locked must not hide what became of all other items: it is told as a refusal of its item. */
const lockedItem = ({ message }: UnavailableError): InvalidInputError =>
  new InvalidInputError([{ path: [], message: `${message} Send this item again.` }]);
