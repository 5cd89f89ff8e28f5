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
export const jsonProblem = (value: unknown): JsonProblem | undefined => problemAt(value, []);

/** `path` is where the value is; one array serves the whole walk, for nearly always there is nothing to tell. */
function problemAt(value: unknown, path: (string | number)[]): JsonProblem | undefined {
  switch (typeof value) {
    case 'string': {
      const message = textProblem(value);
      return message === undefined ? undefined : told(path, message);
    }
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : told(path, `must be a finite number, not ${value}`);
    case 'object':
      return value === null ? undefined : containerProblem(value, path);
    default:
      return told(path, `must be a JSON value, not ${typeof value}`);
  }
}

const told = (path: readonly (string | number)[], message: string): JsonProblem => ({ path: path.map(String), message });

function containerProblem(value: object, path: (string | number)[]): JsonProblem | undefined {
  if (path.length >= maxJsonDepth) return told(path.slice(0, 8), `must not be nested deeper than ${maxJsonDepth} levels`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const problem = insideProblem(value[index], index, path);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    return told(path, `must be a plain JSON object, not ${value.constructor?.name ?? 'an object of a class'}`);
  }
  return fieldProblem(value as Record<string, unknown>, path);
}

function fieldProblem(object: Readonly<Record<string, unknown>>, path: (string | number)[]): JsonProblem | undefined {
  for (const key of Object.keys(object)) {
    const keyProblem = textProblem(key);
    if (keyProblem !== undefined) return told(path, `has a key that ${keyProblem}`);
    const item = object[key];
    const problem = item === undefined ? undefined : insideProblem(item, key, path);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function insideProblem(item: unknown, key: string | number, path: (string | number)[]): JsonProblem | undefined {
  path.push(key);
  const problem = problemAt(item, path);
  path.pop();
  return problem;
}

/** The value of a JSON text; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
