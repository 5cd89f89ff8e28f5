import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** The path of a file in test/checks/fixtures. The certificates there are self-signed, for localhost and 127.0.0.1, with one key. */
export const fixture = (name: string): URL => new URL(`fixtures/${name}`, import.meta.url);

/** Starts an HTTP server for the running test to check. Gives its URL. */
export const startTarget = (answer: RequestListener): Promise<URL> => listen('http', createServer(answer));

/** The same with TLS and one of the certificates; `valid.pem` is valid until 2120, `expired.pem` until 2021. */
export const startSecureTarget = (certificate: 'valid.pem' | 'expired.pem', answer: RequestListener): Promise<URL> =>
  listen('https', createSecureServer({ key: readFileSync(fixture('key.pem')), cert: readFileSync(fixture(certificate)) }, answer));

/** With TLS of one old version only. */
export const startOldTlsTarget = (version: 'TLSv1' | 'TLSv1.1', answer: RequestListener): Promise<URL> =>
  listen(
    'https',
    createSecureServer(
      {
        ...{ key: readFileSync(fixture('key.pem')), cert: readFileSync(fixture('valid.pem')) },
        ...{ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' },
      },
      answer,
    ),
  );

/** A server that speaks no HTTP. */
export const startSocketTarget = (answer: (socket: Socket) => void): Promise<URL> =>
  listen(
    'http',
    createSocketServer((socket) => {
      // Who reads nothing does not notice either that the other end has gone.
      socket.resume();
      answer(socket);
    }),
  );

/** A URL at which nothing listens. */
export async function closedUrl(): Promise<URL> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return new URL(`http://127.0.0.1:${port}/`);
}

const openSockets = new Map<string, Set<Socket>>();

/** How many connections a target of this test holds open. */
export const openConnectionsOf = (url: URL): number => openSockets.get(url.port)?.size ?? 0;

async function listen(protocol: string, server: Server): Promise<URL> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // the other end may go as it likes
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = String((server.address() as AddressInfo).port);
  openSockets.set(port, sockets);
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return new URL(`${protocol}://127.0.0.1:${port}/`);
}
