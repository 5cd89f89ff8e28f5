import { once } from 'node:events';
import WebSocket, { type ClientOptions } from 'ws';
import { eventually } from './eventually.ts';

/** How a socket was closed. */
export interface Closed {
  code: number;
  reason: string;
}

/** A WebSocket on which nothing was said yet. */
export interface BareSocket {
  socket: WebSocket;
  /** What came, as it came. */
  texts: string[];
  /** Sends a message as JSON. */
  say(message: unknown): void;
  /** Waits for a message of this type. */
  heard(type: string): Promise<void>;
  closed: Promise<Closed>;
}

/** Connects. `url` is that of the service over HTTP. */
export async function openBareSocket(
  url: string,
  options: ClientOptions = {},
  protocols: string[] = ['graphql-transport-ws'],
): Promise<BareSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, options);
  const texts: string[] = [];
  socket.on('message', (data) => void texts.push(String(data)));
  const closed = new Promise<Closed>((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })));
  await once(socket, 'open');
  socket.on('error', () => {}); // what it leads to is seen in `closed`
  return {
    ...{ socket, texts, closed },
    say: (message) => socket.send(JSON.stringify(message)),
    heard: async (type) => void (await eventually(`${type} is heard`, () => texts.some((text) => text.includes(`"type":"${type}"`)))),
  };
}
