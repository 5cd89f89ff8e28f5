import { type Client, createClient, type Sink, type SubscribePayload } from 'graphql-ws/client';
import * as ws from 'ws';
import { type AnswerError, ApiError, badAnswer, errorOf, unreachable } from './api-error.ts';
import { backoffMs, pause } from './backoff.ts';
import type { ClientSettings } from './options.ts';
import type { Tokens } from './tokens.ts';

export type SocketsOptions = Pick<
  ClientSettings,
  'url' | 'retryBaseMs' | 'retryCapMs' | 'spreadMs' | 'connectTimeoutMs' | 'keepAliveMs' | 'webSocketImpl'
> & { tokens: Tokens };

/** A subscription, as it is told what comes. */
export interface Subscriber extends Sink<unknown> {
  /** Told how often in a row a socket could not be had, or was lost at once, and by what. */
  failed(times: number, by: unknown): void;
}

/** How long a socket stays open when nothing is subscribed to any more, in milliseconds. */
const idleMs = 300;
const goingAway = 1001;
/** What bundlers for browsers put in the place of `ws` has no such export. */
const defaultImplementation: unknown = Object(ws).WebSocket ?? Object(globalThis).WebSocket;

/**
 * One socket for all subscriptions: opened with the first, closed after the last. When it breaks off it is opened again, with a pause for
 * all of them together, and every subscription is sent anew with the variables that it has by then.
 */
export class Sockets {
  readonly #client: Client;
  readonly #closing = new AbortController();
  readonly #subscribers = new Set<Subscriber>();
  #isConnected = false;
  /** How often in a row it failed. */
  #failures = 0;
  #isDown = true;
  #lastCode: unknown;

  constructor(options: SocketsOptions) {
    const { tokens, connectTimeoutMs, keepAliveMs } = options;
    const connecting = new Deadline(connectTimeoutMs, () => this.#client.terminate());
    const answering = new Deadline(keepAliveMs, () => this.#client.terminate());
    this.#client = createClient({
      url: options.url.replace(/^http/, 'ws'),
      webSocketImpl: options.webSocketImpl ?? defaultImplementation,
      lazy: true,
      lazyCloseTimeout: idleMs,
      keepAlive: keepAliveMs,
      connectionParams: async () => {
        const token = await tokens.fresh().catch((error: unknown) => {
          throw new TokenFailure(error);
        });
        return token === undefined ? {} : { authorization: `Bearer ${token}` };
      },
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: isPassing,
      // A pause that is broken off opens no socket: nothing is subscribed to any more.
      retryWait: () => pause(this.#waitMs(options), this.#closing.signal).catch(() => {}),
      on: {
        connecting: () => {
          this.#isDown = false;
          connecting.begin();
        },
        connected: () => {
          this.#isConnected = true;
          this.#failures = 0;
          connecting.end();
        },
        ping: (received) => received || answering.begin(),
        pong: (received) => received && answering.end(),
        error: (error) => this.#down(error),
        closed: (event) => {
          connecting.end();
          answering.end();
          this.#down(event);
        },
      },
    });
  }

  /**
   * Begins a subscription; gives what ends it. The payload is read whenever it is sent: so its variables may be a getter that says where
   * to go on.
   */
  subscribe(payload: SubscribePayload, subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    const end = this.#client.subscribe(payload, subscriber);
    return () => {
      this.#subscribers.delete(subscriber);
      end();
    };
  }

  /** Gives up the socket that is open: the next one is opened with a new token. */
  reconnect(): void {
    if (this.#isConnected) this.#client.terminate();
  }

  /** Closes the socket. To be called when nothing is subscribed to any more. */
  close(): void {
    this.#closing.abort();
    if (!this.#isConnected) this.#client.terminate();
    Promise.resolve(this.#client.dispose()).catch(() => {}); // it was still being opened
  }

  #down(by: unknown): void {
    this.#isConnected = false;
    if (this.#isDown) return; // an error is followed by a close
    this.#isDown = true;
    if (this.#subscribers.size === 0) return;
    this.#failures += 1;
    this.#lastCode = Object(by).code;
    for (const subscriber of [...this.#subscribers]) subscriber.failed(this.#failures, by);
  }

  #waitMs(options: SocketsOptions): number {
    const waitMs = backoffMs(options, this.#failures - 1);
    return this.#lastCode === goingAway ? Math.random() * options.spreadMs : waitMs;
  }
}

/** The callback that gives the token has failed, with this. */
class TokenFailure extends Error {
  constructor(cause: unknown) {
    super('no token could be had', { cause });
  }
}

const terminated = 4499;

/** Whether another try makes sense. Closes with codes of the protocol that say otherwise do not get here. */
function isPassing(by: unknown): boolean {
  const { code } = Object(by) as { code?: unknown };
  if (by instanceof Error && code !== terminated) return false; // no token, or a message that is none
  const status = statusOf(by);
  return code !== 4403 && !(status >= 400 && status < 500 && ![408, 425, 429].includes(status));
}

/** The HTTP status by which a socket was refused, which only `ws` tells; NaN otherwise. */
const statusOf = (by: unknown): number =>
  Number(/^Unexpected server response: (\d{3})$/.exec(String(Object(by).message))?.[1] ?? Number.NaN);

/** What a subscription ended with, as an error for its reader: the errors of the service, or why there is no socket. */
export function socketError(thrown: unknown, url: string, asked: Record<string, unknown>): unknown {
  if (Array.isArray(thrown)) return errorOf(thrown[0] as AnswerError, asked);
  if (thrown instanceof TokenFailure) return thrown.cause;
  if (isPassing(thrown)) return unreachable(url, thrown);
  const { code, reason } = Object(thrown) as { code?: unknown; reason?: unknown };
  const status = statusOf(thrown);
  const message = `the service at ${url} lets no socket be opened (${[status || code, reason].filter(Boolean).join(': ')})`;
  if (code === 4401 || status === 401) return new ApiError('UNAUTHENTICATED', message);
  if (code === 4403 || status === 403) return new ApiError('FORBIDDEN', message);
  if (status > 0) return new ApiError(`HTTP_${status}`, message);
  if (typeof code === 'number') return new ApiError(`SOCKET_${code}`, message);
  return badAnswer(url, `is no message of graphql-transport-ws (${String(Object(thrown).message)})`);
}

/** Calls back when something has not happened in time. */
class Deadline {
  readonly #ms: number;
  readonly #missed: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number, missed: () => void) {
    this.#ms = ms;
    this.#missed = missed;
  }

  begin(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#missed, this.#ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
