/** The command line, or API_URL, is not as it must be; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the demo was asked for. */
export interface Arguments {
  /** The server to check; undefined: the service itself. */
  target: URL | undefined;
  /** The GraphQL API to use; undefined: find or start one. */
  apiUrl: URL | undefined;
}

/** Reads the arguments after the name of the program, and API_URL. @throws UsageError */
export function readArguments([target, ...more]: string[], apiUrl: string | undefined): Arguments {
  if (more.length > 0 || target?.startsWith('-')) throw new UsageError('there is one argument at most: the URL of the server to check');
  return {
    target: target === undefined ? undefined : readUrl('the URL of the server to check', target),
    apiUrl: apiUrl ? readUrl('API_URL', apiUrl) : undefined,
  };
}

function readUrl(what: string, text: string): URL {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`${what} must begin with http:// or https://, such as https://example.com/, not "${text}"`);
  const url = new URL(text);
  // It would be kept with the request, for everybody to read who may look at the assessment.
  if (url.username !== '' || url.password !== '') throw new UsageError(`${what} must not hold a user name or a password`);
  url.hash = '';
  return url;
}
