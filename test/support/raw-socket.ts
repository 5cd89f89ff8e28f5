import { once } from 'node:events';
import WebSocket, { type ClientOptions } from 'ws';
import { eventually } from './eventually.ts';

/** A message of graphql-transport-ws from the service. */
export interface Message {
  type: 'connection_ack' | 'next' | 'error' | 'complete' | 'ping' | 'pong';
  id?: string;
  /** The result of `next`, the list of errors of `error`. */
  payload?: unknown;
}

/** A socket that speaks graphql-transport-ws by hand: a test sees every message as it came, and may break the rules. */
export interface RawSocket {
  socket: WebSocket;
  messages: Message[];
  /** Begins an operation; `payload` may be anything that JSON can hold. */
  subscribe(id: string, query: string, payload?: object): void;
  complete(id: string): void;
  /** The first message of this type for the operation; waits for it. */
  received(id: string, type: Message['type']): Promise<Message>;
  /** The types of all messages for the operation so far. */
  typesOf(id: string): Message['type'][];
  /** Resolves with the close code. */
  closed: Promise<number>;
}

/** Connects and is acknowledged, or throws where it is closed instead. `url` is that of the service over HTTP. */
export async function openRawSocket(url: string, options: ClientOptions = {}): Promise<RawSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', options);
  const messages: Message[] = [];
  socket.on('message', (data) => void messages.push(JSON.parse(String(data)) as Message));
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await once(socket, 'open');
  socket.on('error', () => {}); // what it leads to is seen in `closed`
  const send = (message: object): void => socket.send(JSON.stringify(message));
  send({ type: 'connection_init' });
  const refused = closed.then((code) => Promise.reject(new Error(`the socket is closed with ${code}, not acknowledged`)));
  refused.catch(() => {}); // it may well be closed later
  await Promise.race([eventually('the socket is acknowledged', () => messages.some(({ type }) => type === 'connection_ack')), refused]);
  return {
    ...{ socket, messages, closed },
    subscribe: (id, query, payload = {}) => send({ id, type: 'subscribe', payload: { query, ...payload } }),
    complete: (id) => send({ id, type: 'complete' }),
    received: (id, type) =>
      eventually(`${type} for ${id}, not only ${JSON.stringify(messages.filter((message) => message.id === id))}`, () =>
        messages.find((message) => message.id === id && message.type === type),
      ),
    typesOf: (id) => messages.filter((message) => message.id === id).map(({ type }) => type),
  };
}
