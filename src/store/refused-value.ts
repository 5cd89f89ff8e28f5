import { databaseMessageOf, sqlStateOf } from './database.ts';
import { InvalidInputError } from './errors.ts';
import type { Logger } from './logger.ts';

/** What only the database could refuse about one item, as a refusal of its input. It should have been found before: the log is told. */
export function refusedValue(error: unknown, log: Logger): InvalidInputError {
  log.warn({ err: error }, 'the database refused a value that the input checks let pass');
  const message = `the database refused a value of this input: ${databaseMessageOf(error)} (SQLSTATE ${sqlStateOf(error)})`;
  return new InvalidInputError([{ path: [], message }]);
}
