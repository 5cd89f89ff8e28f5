import { subscribe as subscribeTo, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const pairs = 100_000;
const atOnce = 500;
/** What noise may leave: less than 50 bytes for each pair. */
const noiseBytes = 5_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const accepted: Socket[] = [];
const accept = (message: unknown): void => void accepted.push((message as { socket: Socket }).socket);

let service: TestApp;
beforeAll(async () => {
  subscribeTo('net.server.socket', accept);
  service = await startTestApp({ LOG_LEVEL: 'silent' });
  await service.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH' }, actor);
});
afterAll(async () => {
  unsubscribe('net.server.socket', accept);
  await service.stop();
});

const listenersOf = (emitter: NodeJS.EventEmitter) =>
  Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));

/** How many listeners the service has on the connection, and on the WebSocket over it. */
function listeners(connection: Socket) {
  const key = Object.getOwnPropertySymbols(connection).find(({ description }) => description === 'websocket');
  if (key === undefined) throw new Error('ws keeps its socket elsewhere now');
  const socket = (connection as unknown as Record<symbol, WebSocket>)[key];
  if (socket === undefined) throw new Error('the connection has no WebSocket');
  return { connection: listenersOf(connection), socket: listenersOf(socket) };
}

/** Bytes in use, when all that can be freed is freed. */
async function heap(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  service.statements.length = 0;
  service.logged.length = 0;
  return process.memoryUsage().heapUsed;
}

/** Begins and completes operations, so many at a time, and waits for each round to end. */
async function churn(socket: WebSocket, count: number): Promise<void> {
  const say = (message: object): void => socket.send(JSON.stringify(message));
  for (let begun = 0; begun < count; begun += atOnce) {
    for (let number = begun; number < begun + atOnce; number++) {
      const id = number % 3 === 0 ? 'again' : `${number}`;
      const query =
        number % 5 === 4
          ? '{ waitForAssessment(assessmentId: "a") { __typename } }'
          : `subscription { assessmentUpdated(assessmentId: "${number % 7 === 0 ? 'nowhere' : 'a'}") { kind } }`;
      say({ id, type: 'subscribe', payload: { query } });
      say({ id, type: 'complete' });
    }
    say({ type: 'ping', payload: { after: begun } });
    await once(socket, 'pong-message');
    await eventually('all are let go of', () => service.app.store.watching === 0);
  }
  service.statements.length = 0;
  service.logged.length = 0;
}

test(`${pairs} pairs of subscribe and complete on one socket leave nothing behind`, async () => {
  const socket = new WebSocket(service.url.replace('http', 'ws'), 'graphql-transport-ws');
  socket.on('message', (data) => {
    if (String(data).startsWith('{"type":"pong"')) socket.emit('pong-message');
  });
  await once(socket, 'open');
  const [connection] = accepted.splice(0);
  if (connection === undefined) throw new Error('no connection was seen');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  await churn(socket, 10_000);
  const before = { heap: await heap(), listeners: listeners(connection), resources: process.getActiveResourcesInfo().length };
  await churn(socket, pairs);
  const after = { heap: await heap(), listeners: listeners(connection), resources: process.getActiveResourcesInfo().length };
  expect(after.listeners).toEqual(before.listeners);
  expect(after.heap - before.heap).toBeLessThan(noiseBytes);
  expect(after.resources - before.resources).toBeLessThan(20);
  expect(socket.readyState).toBe(socket.OPEN);
  socket.close();
}, 300_000);

test('2,000 sockets that come and go leave nothing behind', async () => {
  const comeAndGo = async (count: number): Promise<void> => {
    for (let gone = 0; gone < count; gone += 50) {
      const sockets = Array.from({ length: 50 }, () => new WebSocket(service.url.replace('http', 'ws'), 'graphql-transport-ws'));
      await Promise.all(sockets.map((socket) => once(socket, 'open')));
      for (const [number, socket] of sockets.entries()) {
        socket.send('{"type":"connection_init"}');
        for (const id of ['1', '2'])
          socket.send(
            JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { assessmentUpdated(assessmentId: "a") { kind } }' } }),
          );
        if (number % 2 === 0) socket.close();
        else socket.terminate();
      }
      await Promise.all(sockets.map((socket) => socket.readyState === socket.CLOSED || once(socket, 'close')));
      await eventually('all are let go of', () => service.app.store.watching === 0);
      accepted.length = 0;
    }
    service.statements.length = 0;
    service.logged.length = 0;
  };
  await comeAndGo(500);
  const before = await heap();
  await comeAndGo(2_000);
  expect((await heap()) - before).toBeLessThan(noiseBytes);
}, 120_000);
