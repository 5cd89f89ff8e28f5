import { InvalidInputError } from '../store/errors.ts';
import { jsonProblem } from '../store/json.ts';

/** Where a caller puts a JSON object of its own. */
const bodies = ['metadata', 'result'];

/**
 * Variables as JSON can carry them: dates as texts. What JSON would change on the way without a word (NaN to null, a Date in a body to a
 * text) is refused, as the store refuses it.
 * @throws InvalidInputError saying where it is
 */
export function encodeVariables(variables: Record<string, unknown>): Record<string, unknown> {
  const encoded: Record<string, unknown> = {};
  // The argument `input` is not part of the path: the store does not know it.
  for (const [name, value] of Object.entries(variables)) encoded[name] = encode(value, name === 'input' ? [] : [name]);
  return encoded;
}

/** An input whose fields are to be read here. @throws InvalidInputError */
export function checkObject<Input>(input: Input): Input {
  if (typeof input !== 'object' || input === null) throw refused([], 'must be an object');
  return input;
}

/** An input by itself; its fields are named from its own beginning. @throws as encodeVariables */
export const encodeInput = (input: unknown): unknown => encode(input, []);

function encode(value: unknown, path: readonly string[]): unknown {
  switch (typeof value) {
    case 'number':
      // The API has no other numbers beside the bodies.
      if (value !== (value | 0)) throw refused(path, `must be a whole number of 32 bits, not ${value}`);
      return value;
    case 'bigint':
    case 'function':
    case 'symbol':
      throw refused(path, `must be a JSON value, not ${typeof value}`);
    case 'object':
      return value === null ? null : encodeObject(value, path);
    default:
      return value;
  }
}

function encodeObject(value: object, path: readonly string[]): unknown {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(path, 'must be a valid date and time');
    return value.toISOString();
  }
  if (path.length > maxDepth) throw refused(path.slice(0, 8), `must not be nested deeper than ${maxDepth} levels`);
  if (Array.isArray(value)) return value.map((item, index) => encode(item, [...path, String(index)]));
  const encoded: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value))
    encoded[name] = bodies.includes(name) ? body(item, [...path, name]) : encode(item, [...path, name]);
  return encoded;
}

/** Of an input beside its bodies; filters may be ten levels deep. */
const maxDepth = 64;

function body(value: unknown, path: readonly string[]): unknown {
  const problem = value === undefined ? undefined : jsonProblem(value);
  if (problem !== undefined) throw refused([...path, ...problem.path], problem.message);
  return value;
}

const refused = (path: readonly string[], message: string): InvalidInputError => new InvalidInputError([{ path: [...path], message }]);
