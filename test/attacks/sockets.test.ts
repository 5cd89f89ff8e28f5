import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';

const updated = 'subscription { assessmentUpdated(assessmentId: "there") { kind } }';

let target: AttackTarget;
beforeAll(async () => {
  target = await startAttackTarget({ MAX_SOCKETS: 1_000, SOCKET_INIT_MS: 2_000, ALLOWED_ORIGINS: ['https://dashboard.example.com'] });
});
afterAll(() => target.stop());

/** The status with which a socket is refused; 101 where it is not. */
function upgradeStatus(headers: Record<string, string>, origin?: string): Promise<number> {
  const socket = new WebSocket(target.url.replace('http', 'ws'), 'graphql-transport-ws', {
    headers,
    ...(origin !== undefined && { origin }),
  });
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.once('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    socket.once('open', () => {
      resolve(101);
      socket.terminate();
    });
  });
}

describe('a page of another site', () => {
  test.each([
    'https://evil.example',
    'null',
    'https://dashboard.example.com.evil.example',
    'https://dashboard.example.com:8443',
    'http://dashboard.example.com',
    'https://evil.example/https://dashboard.example.com',
    'file://',
    'https://',
    'HTTPS://dashboard.example.com ,https://evil.example',
  ])('(%s) cannot open a socket', async (origin) => {
    expect(await upgradeStatus({}, origin)).toBe(403);
    await target.expectUnharmed();
  });

  test('that gives its own name the address of this machine cannot either', async () => {
    const { port } = new URL(target.url);
    expect(await upgradeStatus({ host: `evil.example:${port}` }, `http://evil.example:${port}`)).toBe(421);
    await target.expectUnharmed();
  });

  test('while pages of the service itself and of allowed origins can, and programs', async () => {
    expect(await upgradeStatus({}, new URL(target.url).origin)).toBe(101);
    expect(await upgradeStatus({}, 'https://dashboard.example.com')).toBe(101);
    expect(await upgradeStatus({})).toBe(101);
    await target.expectUnharmed();
  });
});

test('2,000 sockets that never say connection_init keep nobody out, and are gone in time', async () => {
  const sockets: WebSocket[] = [];
  for (let opened = 0; opened < 2_000; opened += 100) {
    const some = Array.from({ length: 100 }, () => new WebSocket(target.url.replace('http', 'ws'), 'graphql-transport-ws'));
    await Promise.all(some.map((socket) => once(socket, 'open')));
    sockets.push(...some);
  }
  const known = await openRawSocket(target.url);
  known.subscribe('1', updated);
  await known.received('1', 'next');
  await eventually('all strangers are gone', () => sockets.every(({ readyState }) => readyState === WebSocket.CLOSED), 20_000);
  expect(known.typesOf('1')).toEqual(['next']);
  known.socket.close();
  await known.closed;
  await target.expectUnharmed();
}, 60_000);

test('20,000 subscriptions on one socket: those beyond the limit are refused one by one, and the rest goes on', async () => {
  const raw = await openRawSocket(target.url);
  for (let number = 0; number < 20_000; number++) raw.subscribe(String(number), updated);
  await eventually('each is answered', () => raw.messages.length >= 20_001, 60_000);
  const errors = raw.messages.filter(({ type }) => type === 'error');
  // Some find no room in the line of those who begin to watch; the others find their socket full.
  for (const { payload } of errors)
    expect(payload).toMatchObject([{ extensions: { code: expect.stringMatching(/^(RATE_LIMITED|OVERLOADED)$/) } }]);
  expect(target.app.store.watching).toBe(20_000 - errors.length);
  expect(target.app.store.watching).toBeLessThanOrEqual(5_000);
  for (let number = 20_000; target.app.store.watching < 5_000; number++) {
    raw.subscribe(String(number), updated);
    await raw.received(String(number), 'next');
  }
  raw.subscribe('beyond', updated);
  expect((await raw.received('beyond', 'error')).payload).toMatchObject([{ extensions: { code: 'RATE_LIMITED', limit: 'socket' } }]);
  expect(target.app.store.watching).toBe(5_000);
  expect(raw.socket.readyState).toBe(WebSocket.OPEN);
  raw.socket.close();
  await raw.closed;
  await target.expectUnharmed();
}, 120_000);

test.each([
  ['a syntax error', '{ a'],
  ['an unknown field', '{ nothing }'],
  ['an unknown assessment', 'subscription { assessmentUpdated(assessmentId: "nowhere") { kind } }'],
  ['too deep a document', `${'{ a '.repeat(1_000)}${'}'.repeat(1_000)}`],
  ['too many aliases', `{ ${Array.from({ length: 3_000 }, (_, n) => `a${n}: __typename`).join(' ')} }`],
  ['too costly an operation', `{ ${Array.from({ length: 100 }, (_, n) => `a${n}: assessmentStats { total }`).join(' ')} }`],
])('an operation with %s leaves the others on its socket alone', async (_, query) => {
  const raw = await openRawSocket(target.url);
  raw.subscribe('stays', updated);
  await raw.received('stays', 'next');
  raw.subscribe('bad', query);
  await raw.received('bad', 'error');
  raw.subscribe('after', '{ __typename }');
  await raw.received('after', 'complete');
  expect(raw.typesOf('stays')).toEqual(['next']);
  expect(raw.socket.readyState).toBe(WebSocket.OPEN);
  raw.socket.close();
  await raw.closed;
  await target.expectUnharmed();
});

test('a flood of bad operations, 10,000 on one socket, is answered to the last', async () => {
  const raw = await openRawSocket(target.url);
  for (let number = 0; number < 10_000; number++) raw.subscribe(String(number), number % 2 === 0 ? '{ a' : '{ nothing }');
  await eventually('each is answered', () => raw.messages.length >= 10_001, 60_000);
  expect(new Set(raw.messages.slice(1).map(({ type }) => type))).toEqual(new Set(['error']));
  raw.socket.close();
  await raw.closed;
  await target.expectUnharmed();
}, 120_000);

test('an upgrade that is none, or asks for something else, is refused', async () => {
  const { hostname, port } = new URL(target.url);
  for (const lines of [
    ['GET /graphql HTTP/1.1', 'connection: Upgrade', 'upgrade: websocket'],
    ['GET /graphql HTTP/1.1', 'connection: Upgrade', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAoAAAAAIAAAAA'],
    ['POST /graphql HTTP/1.1', 'connection: Upgrade', 'upgrade: websocket', 'sec-websocket-key: x', 'sec-websocket-version: 13'],
    [
      'GET // HTTP/1.1',
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version: 13',
    ],
    [
      'GET /graphql HTTP/1.1',
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version: 99',
    ],
  ]) {
    const socket = connect(Number(port), hostname);
    socket.end(`${lines.join('\r\n')}\r\nhost: ${hostname}:${port}\r\n\r\n`);
    let text = '';
    for await (const piece of socket) text += String(piece);
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
  }
  await target.expectUnharmed();
});
