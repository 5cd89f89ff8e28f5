import type { JsonObject } from '../store/index.ts';
import { jsonProblem } from '../store/json.ts';
import { FatalError } from './errors.ts';

/** A handler's result that can be sent, and its size as JSON, in bytes. */
export interface CheckedResult {
  result: JsonObject;
  bytes: number;
}

/** What a handler gave, as a result; nothing counts as `{}`. @throws FatalError saying why it can't be one */
export function checkResult(given: unknown, maxBytes: number): CheckedResult {
  if (given === undefined) return { result: {}, bytes: 2 };
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new FatalError(`the handler must give a JSON object, or nothing, as its result; it gave ${kindOf(given)}`);
  }
  const text = encode(given);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw new FatalError(`the handler's result must be at most ${maxBytes} bytes of JSON; it is ${bytes} bytes`);
  return { result: given as JsonObject, bytes };
}

function encode(given: object): string {
  let problem: { path: string[]; message: string } | undefined;
  try {
    problem = jsonProblem(given);
    if (problem === undefined) return JSON.stringify(given);
  } catch (error) {
    // A getter, a proxy, a toJSON.
    throw new FatalError("the handler's result cannot be read as JSON: it throws when it is looked at", { cause: error });
  }
  throw new FatalError(`the handler's result cannot be kept as JSON: ${['result', ...problem.path].join('.')} ${problem.message}`);
}

const kindOf = (given: unknown): string => (given === null ? 'null' : Array.isArray(given) ? 'an array' : `a ${typeof given}`);
