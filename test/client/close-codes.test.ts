import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/client/index.ts';
import type { AssessmentClientOptions } from '../../src/client/options.ts';
import { UnavailableError, type UpdateView } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await startClientBench({ MAX_OPERATIONS_PER_SOCKET: 5 });
});
afterEach(async () => {
  await bench.rest();
  bench.front.rules.message = (message) => message;
  await eventually('nothing is open', () => bench.open() === 0 && bench.front.sockets.size === 0);
});
afterAll(() => bench.stop());

const create = async (): Promise<string> => (await bench.direct().createAssessment({ type: 'HEALTH' })).assessment.assessmentId;

/** A watch that has begun, behind the front. */
async function begun(options: Partial<AssessmentClientOptions> = {}) {
  const assessmentId = await create();
  const updates = bench.fronted(options).watch(assessmentId);
  expect((await updates.next()).value).toMatchObject({ kind: 'SNAPSHOT' });
  bench.front.opened.length = 0;
  return { assessmentId, updates };
}

const end = async (assessmentId: string, updates: AsyncIterable<UpdateView>): Promise<void> => {
  await bench.direct().cancelAssessment({ assessmentId });
  for await (const { assessment } of updates) expect(assessment.state).toBe('CANCELLED');
};

/** A server that answers every request for a socket with a status. */
async function refuseUpgrades(status: number) {
  let asked = 0;
  const server = createServer().listen(0, '127.0.0.1');
  server.on('upgrade', (_, stream) => {
    asked += 1;
    stream.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    asked: () => asked,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

describe('a socket that is closed', () => {
  test.each([1000, 1001, 1011, 1012, 1013, 1014, 3000, 4000, 4408, 4420, 4430, 4431, 4500, 4504])('by %i is opened again', async (code) => {
    const { assessmentId, updates } = await begun({ spreadMs: 20 });
    bench.front.closeSockets(code, 'for a test');
    await eventually('it is open again', () => bench.front.opened.length === 1 && bench.open() === 1);
    await end(assessmentId, updates);
  });

  test('without a code is opened again', async () => {
    const { assessmentId, updates } = await begun();
    bench.front.closeSockets();
    await eventually('it is open again', () => bench.front.opened.length === 1 && bench.open() === 1);
    await end(assessmentId, updates);
  });

  test.each([
    [1002, 'SOCKET_1002'],
    [1003, 'SOCKET_1003'],
    [1007, 'SOCKET_1007'],
    [1008, 'SOCKET_1008'],
    [1009, 'SOCKET_1009'],
    [4400, 'SOCKET_4400'],
    [4401, 'UNAUTHENTICATED'],
    [4403, 'UNAUTHENTICATED'],
    [4406, 'SOCKET_4406'],
    [4409, 'SOCKET_4409'],
    [4429, 'SOCKET_4429'],
  ])('by %i is not: all that was read on it ends with an ApiError', async (code, name) => {
    const { updates } = await begun();
    bench.front.closeSockets(code, 'for a test');
    const error = await refusalOf(updates.next());
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: name, message: expect.stringMatching(/for a test/) });
    expect(await updates.next()).toEqual({ done: true, value: undefined });
    expect(bench.front.opened).toEqual([]);
  });

  test('by 1001 is opened after the spread, whatever the pauses of the repeats', async () => {
    const { assessmentId, updates } = await begun({ spreadMs: 0, retryBaseMs: 86_400_000, retryCapMs: 86_400_000 });
    bench.front.closeSockets(1001, 'Going away');
    await eventually('it is open again', () => bench.open() === 1 && bench.front.opened.length === 1);
    await end(assessmentId, updates);
  });

  test('by 1001 together with those of others is opened apart from them', async () => {
    const watches = await Promise.all(Array.from({ length: 20 }, () => begun({ spreadMs: 2_000 })));
    bench.front.opened.length = 0;
    bench.front.closeSockets(1001, 'Going away');
    await eventually('all are open again', () => bench.front.opened.length === watches.length);
    expect(Math.max(...bench.front.opened) - Math.min(...bench.front.opened)).toBeGreaterThan(200);
    await Promise.all(watches.map(({ updates }) => updates.return?.()));
  });

  test('at once every time, after it was let in, is given up in the end', async () => {
    bench.front.rules.message = (message, socket) => {
      if (message.includes('connection_ack')) setImmediate(() => socket.close(4500, 'broken'));
      return message;
    };
    const updates = bench.fronted({ connectAttempts: 4, retryBaseMs: 1 }).watch(await create());
    bench.front.opened.length = 0;
    expect(await refusalOf(updates.next())).toBeInstanceOf(UnavailableError);
    expect(bench.front.opened).toHaveLength(4);
  });

  test('again and again, with something new in between, is never given up', async () => {
    const { assessmentId, updates } = await begun({ connectAttempts: 2 });
    await bench.direct().startProcessing({ assessmentId });
    expect((await updates.next()).value?.assessment.version).toBe(2);
    for (let progress = 1; progress <= 5; progress++) {
      bench.front.closeSockets();
      await bench.direct().updateProgress({ assessmentId, progress });
      expect((await updates.next()).value?.assessment).toMatchObject({ version: progress + 2 });
    }
    await end(assessmentId, updates);
  });

  test.each([301, 400, 401, 403, 404, 426])('that is refused with status %i is not tried again', async (status) => {
    const refusing = await refuseUpgrades(status);
    const error = await refusalOf(bench.clientOf(refusing.url)().watch('x').next());
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN' }[status] ?? `HTTP_${status}` });
    expect(refusing.asked()).toBe(1);
    await refusing.stop();
  });

  test.each([408, 425, 429, 500, 502, 503, 504])('that is refused with status %i is tried again', async (status) => {
    const refusing = await refuseUpgrades(status);
    const error = await refusalOf(bench.clientOf(refusing.url)({ connectAttempts: 3, retryBaseMs: 1 }).watch('x').next());
    expect(error).toBeInstanceOf(UnavailableError);
    expect(refusing.asked()).toBe(3);
    await refusing.stop();
  });

  test('after its last subscription is not opened again', async () => {
    const { updates } = await begun();
    await updates.return?.();
    await eventually('it is closed', () => bench.front.sockets.size === 0);
    expect(bench.front.opened).toEqual([]);
  });
});

describe('what comes on a socket', () => {
  test('and is no message of the protocol ends what was read with an ApiError', async () => {
    const { updates } = await begun();
    for (const socket of bench.front.sockets) socket.send('<h1>Hello</h1>');
    const error = await refusalOf(updates.next());
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'BAD_ANSWER', message: expect.stringMatching(/no message of graphql-transport-ws/) });
  });

  test('before the service has let it in, too', async () => {
    bench.front.rules.message = (message) => message.replace('connection_ack', 'connected');
    expect(await refusalOf(bench.fronted().watch('x').next())).toMatchObject({ code: 'BAD_ANSWER' });
  });

  test('and is not what was asked for is told so', async () => {
    const { updates } = await begun();
    for (const socket of bench.front.sockets) socket.send('{"type":"next","id":"1","payload":{"data":{"answer":{"kind":"STARTED"}}}}');
    expect(await refusalOf(updates.next())).toMatchObject({ code: 'BAD_ANSWER', message: expect.stringMatching(/not what was asked for/) });
  });

  test('of a fault of the service is an ApiError with the request id', async () => {
    const { updates } = await begun();
    const payload = [{ message: 'The service failed.', extensions: { code: 'INTERNAL', requestId: 'r-1' } }];
    for (const socket of bench.front.sockets) socket.send(JSON.stringify({ type: 'error', id: '1', payload }));
    expect(await refusalOf(updates.next())).toMatchObject({ name: 'ApiError', code: 'INTERNAL', requestId: 'r-1' });
  });

  test('when the service completes a watch before it has said anything is followed by another subscription', async () => {
    let completed = false;
    bench.front.rules.message = (message) => {
      if (completed || !message.includes('"next"')) return message;
      completed = true;
      return '{"type":"complete","id":"1"}';
    };
    const assessmentId = await create();
    const updates = bench.fronted().watch(assessmentId);
    expect((await updates.next()).value).toMatchObject({ kind: 'SNAPSHOT' });
    await end(assessmentId, updates);
  });

  test('when the service completes a feed again and again is given up in the end', async () => {
    let begun = 0;
    bench.front.rules.subscription = (id, socket) => {
      begun += 1;
      socket.send(JSON.stringify({ type: 'complete', id }));
      return false;
    };
    const error = await refusalOf(bench.fronted({ connectAttempts: 3, retryBaseMs: 1 }).feed().next());
    bench.front.rules.subscription = () => true;
    expect(error).toMatchObject({ code: 'OVERLOADED', message: expect.stringMatching(/too early/) });
    expect(begun).toBe(3);
  });

  test('when the service completes a watch that has not ended is followed by another subscription', async () => {
    const { assessmentId, updates } = await begun();
    for (const socket of bench.front.sockets) socket.send('{"type":"complete","id":"1"}');
    await end(assessmentId, updates);
  });
});

test('more subscriptions than one socket may have wait for their turn', async () => {
  const client = bench.fronted({ connectAttempts: 20 });
  const ids = await Promise.all(Array.from({ length: 8 }, create));
  const waits = ids.map((assessmentId) => client.waitForCompletion({ assessmentId, timeoutMs: 60_000 }));
  await eventually('as many as may be are open', () => bench.open() === 5);
  await Promise.all(ids.map((assessmentId) => bench.direct().cancelAssessment({ assessmentId })));
  for (const { assessment } of await Promise.all(waits)) expect(assessment.state).toBe('CANCELLED');
});
