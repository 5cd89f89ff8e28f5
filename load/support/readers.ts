import { once } from 'node:events';
import WebSocket from 'ws';

/** Subscribers of a feed, each on a socket of its own. */
export interface Readers {
  /** Resolves when each has been told of so many events more; to be asked before they are told. */
  reached(events: number): Promise<void>;
  /** What the first of them was told since `reached` was asked last. */
  readonly latest: readonly string[];
  /** Bytes and messages that the first of them was told in all. */
  readonly bytes: number;
  readonly messages: number;
  close(): void;
}

const query = `subscription Dashboard($where: AssessmentFilter, $after: String) { assessmentFeed(where: $where, after: $after) { kind previousState cursor
  assessment { id assessmentId type source serverName state terminal version progress message priority retryCount createdAt updatedAt startedAt } } }`;

/** Opens sockets, and subscribes on each to what follows a cursor. */
export async function openReaders(url: string, count: number, after?: string): Promise<Readers> {
  const sockets: WebSocket[] = [];
  let [latest, bytes, messages, missing] = [[] as string[], 0, 0, 0];
  let done = (): void => {};
  const told = (index: number, text: string): void => {
    if (index === 0) {
      latest.push(text);
      bytes += Buffer.byteLength(text);
      messages += 1;
    }
    missing -= 1;
    if (missing === 0) done();
  };
  for (let opened = 0; opened < count; opened += 100) {
    const some = Array.from({ length: Math.min(100, count - opened) }, (_, index) => openReader(url, opened + index, told, after));
    sockets.push(...(await Promise.all(some)));
  }
  return {
    reached: (events) => {
      latest = [];
      missing = events * count;
      return new Promise((resolve) => {
        done = resolve;
      });
    },
    get latest() {
      return latest;
    },
    get bytes() {
      return bytes;
    },
    get messages() {
      return messages;
    },
    close: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

async function openReader(
  url: string,
  index: number,
  told: (index: number, text: string) => void,
  after: string | undefined,
): Promise<WebSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  const id = `feed-${String(index).padStart(5, '0')}`;
  socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables: { where: { type: { eq: 'COMPLIANCE' } }, after } } }));
  socket.on('message', (data) => told(index, String(data)));
  // A ping is answered after what was sent before it has been read.
  socket.ping();
  await once(socket, 'pong');
  return socket;
}
