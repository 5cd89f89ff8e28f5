import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ STOP_TIMEOUT_MS: 500 });
});
afterAll(() => service.stop());

/** Asks for an upgrade as no library would; gives the connection and the status line of the answer. */
async function upgrade(path: string): Promise<{ socket: Socket; status: string }> {
  const socket = connect({ port: Number(new URL(service.url).port), host: '127.0.0.1', allowHalfOpen: true });
  const key = 'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}\r\n\r\n`);
  const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(3_000) })) as [Buffer];
  return { socket, status: String(answer).split('\r\n', 1)[0] ?? '' };
}

test.each(['//', 'http://[', '/\\\\', '/%', '/elsewhere?x=//'])(
  'an upgrade of %s is answered with 404, and the service lives on',
  async (path) => {
    const { socket, status } = await upgrade(path);
    socket.destroy();
    expect(status).toBe('HTTP/1.1 404 Not Found');
    expect((await service.send('{ __typename }')).data).toEqual({ __typename: 'Query' });
  },
);

test('a refused connection is closed by the service, also when its client keeps its half open', async () => {
  const { socket } = await upgrade('/elsewhere');
  socket.on('error', () => {}); // the reset that meets what is written to a closed connection
  await eventually('the connection is closed from both sides', () => {
    if (!socket.destroyed) socket.write('more');
    return socket.destroyed;
  });
});
