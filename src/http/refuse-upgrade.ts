import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** Answers a connection that asked to become a WebSocket with an HTTP status and a text instead, and closes it. */
export function refuseUpgrade(socket: Duplex, status: number, message: string, headers: Record<string, string> = {}): void {
  const lines = Object.entries({
    'content-type': 'text/plain',
    connection: 'close',
    'content-length': String(Buffer.byteLength(message)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  // The HTTP server no longer looks after this connection: its errors would be thrown, and left half open by its client, it would stay.
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${message}`);
}
