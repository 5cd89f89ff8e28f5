import { InvalidInputError, RefusalError } from './errors.ts';

/** The results of an atomic batch: where one item was refused, the others are refused for its sake. */
export function allRefused<Result>(results: (Result | RefusalError)[]): (Result | RefusalError)[] {
  const index = results.findIndex((result) => result instanceof RefusalError);
  const culprit = results[index];
  if (!(culprit instanceof RefusalError)) return results;
  const message = `nothing was changed: the batch is atomic, and its item ${index} (the first is 0) was refused with ${culprit.code}`;
  const forItsSake = new InvalidInputError([{ path: [], message }]);
  return Array.from(results, (result) => (result instanceof RefusalError ? result : forItsSake));
}
