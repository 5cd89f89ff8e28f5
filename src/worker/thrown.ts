/** Most characters of an error or a message. */
export const maxTextLength = 10_000;

/** What the service is told of a failed attempt. */
export interface Failure {
  error: string;
  retryable: boolean;
}

/** A text that the service takes: not too long, without NUL and without half surrogates. */
export const cleanText = (text: string): string => text.slice(0, maxTextLength).toWellFormed().replaceAll('\0', '\uFFFD');

/** Whatever a handler threw, as a failure. Never throws itself, whatever the thrown thing does when it is looked at. */
export const failureOf = (thrown: unknown): Failure => ({
  error: cleanText(attempt(() => describe(thrown)) || 'something was thrown that cannot be described'),
  retryable: attempt(() => isObject(thrown) && thrown['retryable'] === false) !== true,
});

function describe(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown === '' ? 'an empty string was thrown' : thrown;
  if (!isObject(thrown)) return `${String(thrown)} was thrown`;
  const message = attempt(() => thrown['message']);
  if (typeof message === 'string' && message !== '') return message;
  return attempt(() => nameOf(thrown)) ?? 'an object without a message was thrown';
}

function nameOf(thrown: Record<string, unknown>): string | undefined {
  const className = Object.getPrototypeOf(thrown)?.constructor?.name as unknown;
  const names = [attempt(() => thrown['name']), className];
  // A class that extends Error and does not set its name has that of Error; and Object says nothing.
  const [name] = names.filter(
    (candidate) => typeof candidate === 'string' && candidate !== '' && candidate !== 'Error' && candidate !== 'Object',
  );
  if (typeof name === 'string') return thrown instanceof Error ? name : `an object of the class ${name} was thrown`;
  return thrown instanceof Error ? 'Error' : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
