import { isIPv6 } from 'node:net';
import { CheckError } from './check-error.ts';
import { matchesGlob } from './glob.ts';
import { placeOf } from './place.ts';
import type { CheckRequest } from './run-check.ts';

/** Where to look for a target: at the first URL that takes a connection. */
export type Candidates = readonly [URL, ...URL[]];

const longestUrl = 2_048;

/**
 * The target of a request: `metadata.url`, else `serverName` (host or host:port), which is looked for with https first.
 * @throws CheckError when there is none, or when it can't be read
 */
export function targetOf({ request, serverName }: Pick<CheckRequest, 'request' | 'serverName'>): Candidates {
  const url: unknown = Object(request['metadata'])['url'];
  if (url !== undefined && url !== null) return [readUrl(url)];
  if (serverName !== null) return readServerName(serverName);
  throw wrong('the request names no target: give metadata.url, such as https://example.com/, or serverName, such as example.com:8443');
}

function readUrl(given: unknown): URL {
  if (typeof given !== 'string' || given.length > longestUrl || !/^https?:/i.test(given) || !URL.canParse(given))
    throw wrong(
      `metadata.url must be a URL that begins with http:// or https://, of at most ${longestUrl} characters, not ${JSON.stringify(given)?.slice(0, 100)}`,
    );
  const url = new URL(given);
  if (url.username !== '' || url.password !== '')
    throw wrong(`the URL of the target ${placeOf(url)} must not hold a user name or a password`);
  url.hash = '';
  return url;
}

function readServerName(name: string): Candidates {
  const host = isIPv6(name) ? `[${name}]` : name;
  // Else the parser would take what is more than a name, and drop it.
  if (!/^(\[[^[\]]+\]|[^\s/?#@:\\[\]]+)(:\d+)?$/.test(host) || !URL.canParse(`https://${host}/`))
    throw wrong(
      `serverName must be a host or host:port, such as example.com:8443, not "${name.slice(0, 100)}"; for more, give metadata.url`,
    );
  return [new URL(`https://${host}/`), new URL(`http://${host}/`)];
}

/** Whether a target is one of those that a request is limited to: its host, or its host:port, has to match a pattern; no pattern, no limit. */
export function passesFilter([first, ...others]: Candidates, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return true;
  const names = [first.hostname, ...[first, ...others].map(placeOf)].flatMap((name) => [name, name.replace(/[[\]]/g, '')]);
  return patterns.some((pattern) => names.some((name) => matchesGlob(name, pattern.toLowerCase())));
}

const wrong = (message: string): CheckError => new CheckError(message, { retryable: false });
