import type { TokenSource } from './tokens.ts';

/** How to reach the service. */
export interface AssessmentClientOptions {
  /** Where the GraphQL API is, such as http://127.0.0.1:4000/graphql. Sockets are opened at the same address. */
  url: string;
  /** Sent as `authorization: Bearer …`. A function is asked anew for every socket, and when the service does not accept what it gave before. */
  token?: TokenSource | undefined;
  /** How long a call may take, with all its repeats, in milliseconds. Waits for work or for an end come on top. Default 30,000. */
  timeoutMs?: number;
  /** The same for batches and clean-ups. Default 300,000. */
  batchTimeoutMs?: number;
  /** Before the nth repeat it waits a random time of up to `retryBaseMs` * 2^n, and at most `retryCapMs`. Default 250 and 10,000 ms. */
  retryBaseMs?: number;
  retryCapMs?: number;
  /** When the service closes a socket because it stops, the next is opened after a random time of up to so many milliseconds. Default 1,000. */
  spreadMs?: number;
  /** How often in a row a socket may fail before `watch` and `feed` give up; Infinity: never. Default 50: about four minutes. */
  connectAttempts?: number;
  /** How long opening a socket may take, in milliseconds. Default 10,000. */
  connectTimeoutMs?: number;
  /** A socket is asked for a sign of life so often, and given up when there is none for as long, in milliseconds. Default 12,000. */
  keepAliveMs?: number;
  /** How many updates of a feed are kept for a reader that is slow; beyond that the service is asked again once they are read. Default 1,000. */
  feedBuffer?: number;
  /** Largest answer that is read, in bytes. Default 256 MiB. */
  maxAnswerBytes?: number;
  /** The class of its sockets. Default: that of the package `ws` in Node, the one that is there elsewhere. */
  webSocketImpl?: unknown;
}

/** The options, each with a value. */
export type ClientSettings = Required<Omit<AssessmentClientOptions, 'token' | 'webSocketImpl'>> &
  Pick<AssessmentClientOptions, 'token' | 'webSocketImpl'>;

const longestMs = 86_400_000;

/** The options with the defaults in place. @throws TypeError, RangeError saying which option is wrong and what would be right */
export function readOptions(options: AssessmentClientOptions): ClientSettings {
  checkUrl(options.url);
  if (options.webSocketImpl !== undefined && typeof options.webSocketImpl !== 'function')
    throw new TypeError('webSocketImpl must be a class of WebSockets, such as that of the package ws');
  return {
    url: options.url,
    token: options.token,
    webSocketImpl: options.webSocketImpl,
    timeoutMs: whole('timeoutMs', options.timeoutMs ?? 30_000, 1, longestMs),
    batchTimeoutMs: whole('batchTimeoutMs', options.batchTimeoutMs ?? 300_000, 1, longestMs),
    retryBaseMs: whole('retryBaseMs', options.retryBaseMs ?? 250, 1, longestMs),
    retryCapMs: whole('retryCapMs', options.retryCapMs ?? 10_000, 1, longestMs),
    spreadMs: whole('spreadMs', options.spreadMs ?? 1_000, 0, longestMs),
    connectAttempts:
      options.connectAttempts === Number.POSITIVE_INFINITY
        ? options.connectAttempts
        : whole('connectAttempts', options.connectAttempts ?? 50, 1, 1_000_000),
    connectTimeoutMs: whole('connectTimeoutMs', options.connectTimeoutMs ?? 10_000, 1, longestMs),
    keepAliveMs: whole('keepAliveMs', options.keepAliveMs ?? 12_000, 1, longestMs),
    feedBuffer: whole('feedBuffer', options.feedBuffer ?? 1_000, 1, 1_000_000),
    maxAnswerBytes: whole('maxAnswerBytes', options.maxAnswerBytes ?? 256 * 1024 * 1024, 1_024, 512 * 1024 * 1024),
  };
}

// Neither the address nor a password in it is told in the error: it would end in a log.
function checkUrl(given: string): void {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError('url must be an address that begins with http:// or https://');
  if (url.username !== '' || url.password !== '') throw new TypeError('url must not hold a user name or a password; give a token instead');
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
}
