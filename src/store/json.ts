/** How deep a request or a result may be nested. */
export const maxJsonDepth = 64;

export interface JsonProblem {
  path: string[];
  message: string;
}

/** What is wrong with a string that PostgreSQL refuses in text and jsonb, or undefined when nothing is. */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'must not hold the NUL character (U+0000)';
  if (!text.isWellFormed()) return 'must be well-formed Unicode: it holds a surrogate without its partner';
  return undefined;
}

/**
 * The first thing in `value` that cannot be kept as JSON: a value that JSON does not have, a string or key that PostgreSQL
 * refuses, or nesting deeper than {@link maxJsonDepth}. Undefined when there is none.
 */
export function jsonProblem(value: unknown, path: string[] = [], depth = 1): JsonProblem | undefined {
  switch (typeof value) {
    case 'string': {
      const message = textProblem(value);
      return message === undefined ? undefined : { path, message };
    }
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : { path, message: `must be a finite number, not ${value}` };
    case 'object':
      return value === null ? undefined : containerProblem(value, path, depth);
    default:
      return { path, message: `must be a JSON value, not ${typeof value}` };
  }
}

function containerProblem(value: object, path: string[], depth: number): JsonProblem | undefined {
  if (depth > maxJsonDepth) return { path: path.slice(0, 8), message: `must not be nested deeper than ${maxJsonDepth} levels` };
  if (Array.isArray(value)) return firstProblem(value.entries(), path, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    return { path, message: `must be a plain JSON object, not ${value.constructor?.name ?? 'an object of a class'}` };
  }
  return firstProblem(Object.entries(value), path, depth);
}

function firstProblem(entries: Iterable<[string | number, unknown]>, path: string[], depth: number): JsonProblem | undefined {
  for (const [key, item] of entries) {
    const keyProblem = typeof key === 'string' ? textProblem(key) : undefined;
    if (keyProblem !== undefined) return { path, message: `has a key that ${keyProblem}` };
    if (item === undefined && typeof key === 'string') continue;
    const problem = jsonProblem(item, [...path, String(key)], depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
