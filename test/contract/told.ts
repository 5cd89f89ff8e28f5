import { InvalidInputError } from '../../src/store/index.ts';

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * A result or an error, with what differs from run to run written as what it is: times, ids and tokens that were made, cursors, durations. All
 * else stays, so that two implementations can be compared.
 */
export function told(value: unknown, name = ''): unknown {
  if (value instanceof Error) return toldError(value);
  if (value instanceof Date) return 'a Date';
  if (Array.isArray(value)) return value.map((item) => told(item));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, told(item, key)]));
  if (typeof value === 'number' && varying.test(name)) return 'a number';
  if (typeof value === 'string') return /cursor/i.test(name) ? 'a cursor' : value.replaceAll(uuid, 'an id');
  return value;
}

const varying = /(?:Ms|Seconds|PerMinute)$/;

function toldError(error: Error): object {
  const { name, message, ...fields } = Object.assign({ name: error.name, message: error.message }, error);
  // GraphQL has its own words for what it does not take.
  if (error instanceof InvalidInputError) return { class: error.constructor, name, paths: error.fields.map(({ path }) => path.join('.')) };
  return { class: error.constructor, name, message, ...(told(fields) as object) };
}

/** What came of a call: its result or its error. */
export async function outcomeOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return told(await call());
  } catch (error) {
    return { thrown: told(error) };
  }
}
