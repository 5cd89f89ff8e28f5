import { MessageType, type SubscribePayload } from 'graphql-ws/client';
import { type AnswerError, isUnauthenticated } from './api-error.ts';
import { backoffMs } from './backoff.ts';
import type { ClientSettings } from './options.ts';
import { Socket, type SocketListener, type SubscriptionMessage } from './socket.ts';
import type { Loss } from './socket-loss.ts';
import type { Tokens } from './tokens.ts';

export type SharedSocketOptions = Pick<
  ClientSettings,
  'url' | 'retryBaseMs' | 'retryCapMs' | 'spreadMs' | 'connectAttempts' | 'connectTimeoutMs' | 'keepAliveMs' | 'webSocketImpl'
> & { tokens: Tokens };

/** A subscription, as it is told what comes. After any but `next` nothing follows. */
export interface Subscriber {
  next(result: unknown): void;
  /** The service refuses it, or breaks it off. */
  error(errors: readonly AnswerError[]): void;
  /** The service has ended it. */
  complete(): void;
  /** No socket can be had. */
  lost(error: unknown): void;
}

interface Subscription {
  payload: () => SubscribePayload;
  subscriber: Subscriber;
  /** The number of the last loss before it began. */
  since: number;
}

/** How long a socket stays open when nothing is subscribed to any more, in milliseconds. */
const idleMs = 300;
/** A socket that was good for so long was a good one, in milliseconds, also when nothing came on it. */
const steadyMs = 5_000;
/** The codes of an instance that stops, and will be followed by others that all its clients turn to. */
const leaving = [1001, 1012];

/**
 * One socket for many subscriptions: opened with the first, closed after the last. When it is lost it is opened again, with a pause for
 * all of them together, and every subscription is sent anew with the variables that it has by then.
 */
export class SharedSocket {
  readonly #options: SharedSocketOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  #socket: Socket | undefined;
  #readyAt: number | undefined;
  /** Of the pause before the next socket, or of the rest before this one is closed: there is never both. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ids = 0;
  #losses = 0;
  /** How many losses there were before the socket last proved good. */
  #forgotten = 0;
  #hasRenewed = false;

  constructor(options: SharedSocketOptions) {
    this.#options = options;
  }

  /** How many subscriptions there are on it. */
  get size(): number {
    return this.#subscriptions.size;
  }

  /** Begins a subscription; gives what ends it. The payload is asked for whenever it is sent: so its variables say where to go on. */
  subscribe(payload: () => SubscribePayload, subscriber: Subscriber): () => void {
    const id = String(++this.#ids);
    const isPausing = this.#socket === undefined && this.#subscriptions.size > 0;
    this.#subscriptions.set(id, { payload, subscriber, since: this.#losses });
    if (this.#socket === undefined && !isPausing) this.#open();
    else if (!isPausing) clearTimeout(this.#timer);
    if (this.#readyAt !== undefined) this.#socket?.subscribe(id, payload());
    return () => {
      if (!this.#subscriptions.delete(id)) return;
      if (this.#readyAt !== undefined) this.#socket?.complete(id);
      this.#restWhenIdle();
    };
  }

  /** Forgets every subscription, and closes the socket. Resolves when it is closed. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#subscriptions.clear();
    await this.#leave();
  }

  #open(): void {
    clearTimeout(this.#timer);
    const { tokens } = this.#options;
    const listener: SocketListener = {
      ready: () => this.#sendAll(),
      message: (message) => this.#take(message),
      lost: (loss) => this.#lose(loss),
    };
    this.#socket = new Socket({ ...this.#options, token: () => tokens.fresh() }, listener);
  }

  #leave(): Promise<void> | undefined {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#readyAt = undefined;
    return socket?.close();
  }

  #sendAll(): void {
    this.#readyAt = performance.now();
    for (const [id, { payload }] of this.#subscriptions) this.#socket?.subscribe(id, payload());
  }

  #take(message: SubscriptionMessage): void {
    const subscriber = this.#subscriptions.get(message.id)?.subscriber;
    if (subscriber === undefined) return; // ended meanwhile
    if (isTokenRefused(message) && this.#mayRenew()) this.#renew();
    else if (message.type === MessageType.Next) {
      this.#prove();
      subscriber.next(message.payload);
    } else {
      this.#subscriptions.delete(message.id);
      if (message.type === MessageType.Error) subscriber.error(message.payload);
      else subscriber.complete();
      this.#restWhenIdle();
    }
  }

  /** Whether another token is worth a try: the callback is not asked again and again for one that is refused. */
  #mayRenew(): boolean {
    this.#proveByAge();
    return this.#options.tokens.canRenew && !this.#hasRenewed;
  }

  /** Opens another socket, with a new token, in the place of the one that there is; every subscription is sent anew. */
  #renew(): void {
    this.#hasRenewed = true;
    void this.#leave();
    this.#open();
  }

  /** The socket is a good one: what went wrong before does not count any more. */
  #prove(): void {
    this.#forgotten = this.#losses;
    this.#hasRenewed = false;
  }

  #proveByAge(): void {
    if (this.#readyAt !== undefined && performance.now() - this.#readyAt >= steadyMs) this.#prove();
  }

  #lose({ error, isPassing, code }: Loss): void {
    const mayRenew = isUnauthenticated(error) && this.#mayRenew();
    this.#proveByAge();
    clearTimeout(this.#timer);
    this.#socket = undefined;
    this.#readyAt = undefined;
    this.#losses += 1;
    if (mayRenew && this.#subscriptions.size > 0) {
      this.#renew();
      return;
    }
    const { connectAttempts } = this.#options;
    this.#giveUp(error, ({ since }) => !isPassing || this.#losses - Math.max(since, this.#forgotten) >= connectAttempts);
    if (this.#subscriptions.size > 0) this.#timer = setTimeout(() => this.#open(), this.#pauseMs(code));
  }

  #giveUp(error: unknown, isHopeless: (subscription: Subscription) => boolean): void {
    const hopeless = [...this.#subscriptions].filter(([, subscription]) => isHopeless(subscription));
    for (const [id] of hopeless) this.#subscriptions.delete(id);
    for (const [, { subscriber }] of hopeless) subscriber.lost(error);
  }

  #pauseMs(code: number | undefined): number {
    const failures = this.#losses - this.#forgotten - 1;
    const waitMs = backoffMs(this.#options, failures);
    if (code === undefined || !leaving.includes(code)) return waitMs;
    return Math.random() * this.#options.spreadMs + (failures > 0 ? waitMs : 0);
  }

  #restWhenIdle(): void {
    if (this.#subscriptions.size > 0) return;
    clearTimeout(this.#timer);
    if (this.#socket !== undefined) this.#timer = setTimeout(() => void this.#leave(), idleMs);
  }
}

/** Whether the service does not know who subscribes: the token has expired since the socket was opened. */
function isTokenRefused({ type, payload }: SubscriptionMessage & { payload?: unknown }): boolean {
  const errors: unknown = type === MessageType.Error ? payload : Object(payload).errors;
  return Array.isArray(errors) && Object(Object(errors[0]).extensions).code === 'UNAUTHENTICATED';
}
