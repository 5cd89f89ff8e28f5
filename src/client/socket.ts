import {
  CloseCode,
  GRAPHQL_TRANSPORT_WS_PROTOCOL,
  type Message,
  MessageType,
  parseMessage,
  type SubscribePayload,
  stringifyMessage,
} from 'graphql-ws/client';
import * as ws from 'ws';
import { ApiError, unavailable } from './api-error.ts';
import { type Loss, lossOf, notAMessage } from './socket-loss.ts';

export interface SocketOptions {
  /** Where the GraphQL API is, over HTTP. */
  url: string;
  /** The token to be let in with. */
  token: () => Promise<string | undefined>;
  /** How long it may take until the service has let it in, in milliseconds. */
  connectTimeoutMs: number;
  /** The service is asked for a sign of life so often, in milliseconds. */
  keepAliveMs: number;
  webSocketImpl?: unknown;
}

/** A message about one subscription. */
export type SubscriptionMessage = Extract<Message, { type: MessageType.Next | MessageType.Error | MessageType.Complete }>;

export interface SocketListener {
  /** The service has let it in: now subscriptions can be sent. */
  ready(): void;
  message(message: SubscriptionMessage): void;
  /** It is gone, or never came to be. Nothing is told after that. */
  lost(loss: Loss): void;
}

/** What browsers call a WebSocket, and packages for Node do alike. */
interface WebSocketLike {
  onopen: unknown;
  onmessage: unknown;
  onerror: unknown;
  onclose: unknown;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  /** Cuts the connection off. Browsers have no such thing. */
  terminate?(): void;
}
type WebSocketClass = new (url: string, protocol: string) => WebSocketLike;

/** What bundlers for browsers put in the place of `ws` has no such export. */
const defaultImplementation: unknown = Object(ws).WebSocket ?? Object(globalThis).WebSocket;

/** How long the other side may take to answer a close, in milliseconds. */
const goodbyeMs = 1_000;

/** One WebSocket that speaks graphql-transport-ws: opened once, lost or closed once. */
export class Socket {
  readonly #options: SocketOptions;
  readonly #listener: SocketListener;
  #socket: WebSocketLike | undefined;
  #phase: 'OPENING' | 'READY' | 'OVER' = 'OPENING';
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether anything came since the service was asked for a sign of life. */
  #heard = true;
  #fault: unknown;
  #gone = (): void => {};
  readonly #whenGone = new Promise<void>((resolve) => {
    this.#gone = resolve;
  });

  /** Begins to open it. The listener is told later, never from in here. */
  constructor(options: SocketOptions, listener: SocketListener) {
    this.#options = options;
    this.#listener = listener;
    const { url, connectTimeoutMs } = options;
    this.#timer = setTimeout(() => this.#giveUp(`no socket could be opened within ${connectTimeoutMs} ms`), connectTimeoutMs);
    try {
      const Implementation = (options.webSocketImpl ?? defaultImplementation) as WebSocketClass;
      this.#socket = new Implementation(socketUrl(url), GRAPHQL_TRANSPORT_WS_PROTOCOL);
      this.#listen(this.#socket);
    } catch (error) {
      this.#gone();
      const why = error instanceof Error ? error.message : String(error);
      queueMicrotask(() =>
        this.#lose({ error: new ApiError('NO_SOCKET', `no socket can be opened to ${url} (${why})`), isPassing: false }),
      );
    }
  }

  /** Sends a subscription; only while it is ready. */
  subscribe(id: string, payload: SubscribePayload): void {
    this.#send({ type: MessageType.Subscribe, id, payload });
  }

  /** Says that nothing more is wanted of a subscription. */
  complete(id: string): void {
    this.#send({ type: MessageType.Complete, id });
  }

  /** Closes it; the listener is told nothing more. Resolves when it is closed, which takes a second at most. */
  close(): Promise<void> {
    this.#end();
    this.#leave(1000, 'Normal Closure');
    return this.#whenGone;
  }

  #listen(socket: WebSocketLike): void {
    socket.onopen = () => void this.#introduce();
    socket.onmessage = ({ data }: { data: unknown }) => this.#take(data);
    // A close follows. Without a listener, `ws` would throw an error out of the event loop, even that it was closed by us while it opened.
    socket.onerror = (event: unknown) => {
      this.#fault = event;
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.#gone();
      this.#lose(lossOf({ code, reason, fault: this.#fault }, this.#options.url));
    };
  }

  async #introduce(): Promise<void> {
    try {
      const token = await this.#options.token();
      const payload = token === undefined ? {} : { authorization: `Bearer ${token}` };
      if (this.#phase === 'OPENING') this.#socket?.send(stringifyMessage({ type: MessageType.ConnectionInit, payload }));
    } catch (error) {
      this.#lose({ error, isPassing: false }, CloseCode.InternalClientError, 'No token');
    }
  }

  #take(data: unknown): void {
    if (this.#phase === 'OVER') return;
    this.#heard = true;
    let message: Message;
    try {
      message = parseMessage(data);
      if (this.#phase === 'OPENING' && !beforeReady.includes(message.type)) throw new Error(`it begins with "${message.type}"`);
    } catch (problem) {
      this.#lose(notAMessage(this.#options.url, problem), CloseCode.BadResponse, 'Not a message of graphql-transport-ws');
      return;
    }
    this.#heed(message);
  }

  #heed(message: Message): void {
    switch (message.type) {
      case MessageType.ConnectionAck:
        if (this.#phase === 'OPENING') this.#begin();
        return;
      case MessageType.Ping:
        this.#socket?.send(stringifyMessage({ type: MessageType.Pong, ...(message.payload && { payload: message.payload }) }));
        return;
      case MessageType.Next:
      case MessageType.Error:
      case MessageType.Complete:
        this.#listener.message(message);
        return;
      default: // a sign of life, or what only clients say
    }
  }

  #begin(): void {
    this.#phase = 'READY';
    this.#beat();
    this.#listener.ready();
  }

  /** Whatever comes is a sign of life: an answer to a ping may have to wait behind much else. */
  #beat(): void {
    const { keepAliveMs } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#heard) return this.#giveUp(`nothing came on a socket for ${keepAliveMs} ms`);
      this.#heard = false;
      this.#send({ type: MessageType.Ping });
      this.#beat();
    }, keepAliveMs);
  }

  #send(message: Message): void {
    if (this.#phase === 'READY') this.#socket?.send(stringifyMessage(message));
  }

  /** The other side is not there: nobody would answer a close. */
  #giveUp(why: string): void {
    this.#lose(
      { error: unavailable('TIMEOUT', `the service at ${this.#options.url} does not answer: ${why}`), isPassing: true },
      4499,
      why,
    );
    this.#socket?.terminate?.();
  }

  #lose(loss: Loss, code = 1000, reason = ''): void {
    if (this.#phase === 'OVER') return;
    this.#end();
    this.#leave(code, reason);
    this.#listener.lost(loss);
  }

  #end(): void {
    this.#phase = 'OVER';
    clearTimeout(this.#timer);
  }

  #leave(code: number, reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.close(code, reason);
    // `ws` itself waits for half a minute, and keeps the process alive meanwhile.
    const timer = setTimeout(() => {
      socket.terminate?.();
      this.#gone();
    }, goodbyeMs);
    void this.#whenGone.then(() => clearTimeout(timer));
  }
}

const beforeReady: string[] = [MessageType.ConnectionAck, MessageType.Ping, MessageType.Pong];

/** Sockets are opened at the address of the API; a fragment in it is for pages only. */
function socketUrl(url: string): string {
  const address = new URL(url);
  address.hash = '';
  return address.href.replace(/^http/, 'ws');
}
