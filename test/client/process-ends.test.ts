import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type ClientBench, closedUrl, startClientBench } from './client-bench.ts';

const program = fileURLToPath(new URL('client-process.mjs', import.meta.url));

let bench: ClientBench;
/** Takes connections and says nothing. */
let silent: Server;
let silentUrl: string;
let taken = 0;
beforeAll(async () => {
  bench = await startClientBench();
  silent = createServer((socket) => {
    taken += 1;
    socket.on('error', () => {}); // a client that has ended
    socket.resume();
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  silentUrl = `http://127.0.0.1:${(silent.address() as { port: number }).port}/graphql`;
});
afterEach(async () => {
  await bench.proxy.restore();
  await eventually('nothing is open', () => bench.open() === 0);
});
afterAll(async () => {
  await bench.stop();
  silent.close();
});

/** Node 20 has sockets of its own when it is asked for them. */
const flags = typeof globalThis.WebSocket === 'undefined' ? ['--experimental-websocket'] : [];

/** Begins a scene of the program. */
function play(url: string, scene: string, assessmentId = 'x') {
  const child = spawn(process.execPath, [...flags, '--no-warnings', program, url, scene, assessmentId], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const closed = once(child, 'close');
  return {
    printed: (text: string) => eventually(`it prints ${text}, not only ${printed}`, () => printed.includes(text), 20_000),
    tell: () => child.stdin.end('go'),
    /** How it ended by itself: long before anything in it or below it could give up. */
    end: async () => {
      await eventually(`it ends by itself, not only prints ${printed}`, () => child.exitCode !== null, 15_000).catch(async (error) => {
        child.kill('SIGKILL');
        await closed;
        throw error;
      });
      await closed;
      return { code: child.exitCode, printed: printed.trim().split('\n') };
    },
  };
}

const create = async (): Promise<string> => (await bench.direct().createAssessment({ type: 'HEALTH' })).assessment.assessmentId;

describe.each([
  ['with the sockets of the package ws', ''],
  ['with the sockets of the platform', 'web-'],
])('a program %s ends by itself', (_, prefix) => {
  test('when a watch has ended, without close()', async () => {
    const assessmentId = await create();
    const played = play(bench.url, `${prefix}watch`, assessmentId);
    await played.printed('update SNAPSHOT');
    await bench.direct().cancelAssessment({ assessmentId });
    expect(await played.end()).toEqual({ code: 0, printed: ['begun', 'update SNAPSHOT', 'update CANCELLED', 'ended', 'done'] });
  });

  test('when a loop was broken off, without close()', async () => {
    const played = play(bench.url, `${prefix}break`, await create());
    expect(await played.end()).toEqual({ code: 0, printed: ['begun', 'update SNAPSHOT', 'done'] });
  });

  test('when it closes what is open', async () => {
    const played = play(bench.url, `${prefix}close`, await create());
    await eventually('both are open', () => bench.open() === 2, 20_000);
    await played.printed('update SNAPSHOT');
    played.tell();
    expect(await played.end()).toEqual({
      code: 0,
      printed: ['begun', 'update SNAPSHOT', 'error ClosedError', 'error ClosedError', 'done'],
    });
  });

  const closed = { code: 0, printed: ['begun', 'error ClosedError', 'error ClosedError', 'done'] };

  test('when it closes at once', async () => {
    expect(await play(bench.url, `${prefix}atOnce`).end()).toEqual(closed);
  });

  test('when it closes while its sockets are being opened to a server that says nothing', async () => {
    const before = taken;
    const played = play(silentUrl, `${prefix}close`);
    await eventually('it is connected', () => taken >= before + 2, 20_000);
    played.tell();
    expect(await played.end()).toEqual(closed);
  });

  test('when it closes while it waits to try again', async () => {
    const played = play(await closedUrl(), `${prefix}close`);
    await played.printed('begun');
    played.tell();
    expect(await played.end()).toEqual(closed);
  });
});

// Only those of ws can be cut off; the platform waits for the other side to say goodbye.
test('a program ends by itself when it closes and the network has gone silent', async () => {
  const played = play(bench.proxy.through(bench.url), 'close', await create());
  await eventually('both are open', () => bench.open() === 2, 20_000);
  await played.printed('update SNAPSHOT');
  bench.proxy.fallSilent();
  played.tell();
  expect(await played.end()).toEqual({ code: 0, printed: ['begun', 'update SNAPSHOT', 'error ClosedError', 'error ClosedError', 'done'] });
});

test('a program ends by itself when it closes while a call is under way', async () => {
  const before = taken;
  const played = play(silentUrl, 'call');
  await eventually('it is connected', () => taken > before, 20_000);
  played.tell();
  expect(await played.end()).toEqual({ code: 0, printed: ['begun', 'error ClosedError', 'done'] });
});
