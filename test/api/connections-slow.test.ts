import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBareSocket } from '../support/bare-socket.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const slowClientMs = 1_000;
const keepAliveMs = 200;
const maxUnreadBytes = 1024 * 1024;
/** More than the buffers of both systems hold: what follows waits in the service. */
const bodyBytes = 900_000;
const documents = {
  small: 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { assessment { version } } }',
  large: 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { assessment { version requestData } } }',
  answer: 'query ($id: String!) { a: assessment(assessmentId: $id) { requestData } }',
};

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ KEEPALIVE_MS: keepAliveMs, SLOW_CLIENT_MS: slowClientMs, MAX_UNREAD_BYTES: maxUnreadBytes });
});
afterAll(() => service.stop());

/** An assessment that is being worked on, with a request that fills buffers. */
async function create(): Promise<string> {
  const assessmentId = randomUUID();
  await service.app.store.createAssessment({ assessmentId, type: 'HEALTH', metadata: { text: 'x'.repeat(bodyBytes) } }, actor);
  await service.app.store.startProcessing({ assessmentId }, actor);
  return assessmentId;
}

const watching = (count: number) => eventually(`there are ${count} watches`, () => service.app.store.watching === count);

/** So many changes, each of which a reader of `large` is sent with the whole request. */
async function change(assessmentId: string, count: number): Promise<void> {
  for (let progress = 0; progress < count; progress++)
    await service.app.store.updateProgress({ assessmentId, progress: Math.floor((progress / count) * 100), message: `${progress}` }, actor);
}

const versionsOf = ({ messages }: RawSocket): number[] =>
  messages
    .filter(({ type }) => type === 'next')
    .map(
      ({ payload }) =>
        (payload as { data: { assessmentUpdated: { assessment: { version: number } } } }).data.assessmentUpdated.assessment.version,
    );

/** Two readers of the same changes, of which the first stops reading. */
async function twoReaders(id: string): Promise<[RawSocket, RawSocket]> {
  const readers = [await openRawSocket(service.url), await openRawSocket(service.url)] as const;
  for (const raw of readers) {
    raw.subscribe('1', documents.large, { variables: { id } });
    await raw.received('1', 'next');
  }
  readers[0].socket.pause();
  return [...readers];
}

test('a client that has stopped reading is closed with 4420, cut off when it still does not read, and delays nobody', async () => {
  const id = await create();
  const [stopped, reading] = await twoReaders(id);
  await change(id, 60);
  await watching(1);
  await service.app.store.cancelAssessment({ assessmentId: id }, actor);
  await reading.received('1', 'complete');
  expect(versionsOf(reading).at(-1)).toBe(63);
  // What it did not read: the service has kept two states for it, not sixty; the rest is in the buffers of the system.
  stopped.socket.resume();
  expect([1006, 4420]).toContain(await stopped.closed);
  expect(versionsOf(stopped).length).toBeLessThan(40);
  reading.socket.close();
});

test('a client that never reads again does not keep its place', async () => {
  const full = await startTestApp({ KEEPALIVE_MS: keepAliveMs, SLOW_CLIENT_MS: slowClientMs, MAX_SOCKETS: 1 });
  const stopped = await openRawSocket(full.url);
  stopped.socket.pause();
  const next = await eventually('there is room', () => openRawSocket(full.url).catch(() => undefined));
  expect(stopped.socket.readyState).toBe(stopped.socket.OPEN); // it has not even noticed
  next.socket.close();
  stopped.socket.terminate();
  await full.stop();
});

test('a client that reads again in time gets what it was told, in order, with the newest state last', async () => {
  const patient = await startTestApp({ KEEPALIVE_MS: keepAliveMs, SLOW_CLIENT_MS: 60_000 });
  await patient.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH', metadata: { text: 'x'.repeat(bodyBytes) } }, actor);
  await patient.app.store.startProcessing({ assessmentId: 'a' }, actor);
  const raw = await openRawSocket(patient.url);
  raw.subscribe('1', documents.large, { variables: { id: 'a' } });
  await raw.received('1', 'next');
  raw.socket.pause();
  for (let round = 0; round < 100; round++)
    await patient.app.store.updateProgress({ assessmentId: 'a', progress: round, message: `${round}` }, actor);
  await patient.app.store.completeAssessment({ assessmentId: 'a', result: {} }, actor);
  raw.socket.resume();
  await raw.received('1', 'complete');
  const versions = versionsOf(raw);
  expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  expect(new Set(versions).size).toBe(versions.length);
  expect([versions[0], versions.at(-1)]).toEqual([2, 103]);
  // The stream was not read on while its last message was not taken: the service has skipped what it would have had to keep.
  expect(versions.length).toBeLessThan(60);
  raw.socket.close();
  await patient.stop();
});

test('a client that takes its time, but reads, is not closed', async () => {
  const id = await create();
  const raw = await openRawSocket(service.url);
  const pings: number[] = [];
  raw.socket.on('ping', () => pings.push(performance.now()));
  // A receive buffer is read in pieces of 64 KiB: one piece, and then nothing for half of the time that is allowed.
  let pieces = 0;
  const connection = (raw.socket as unknown as { _socket: NodeJS.ReadableStream })._socket;
  connection.on('data', () => {
    pieces += 1;
    raw.socket.pause();
    setTimeout(() => raw.socket.resume(), slowClientMs / 4);
  });
  raw.subscribe('1', documents.answer, { variables: { id } });
  await eventually('all has come', () => raw.typesOf('1').includes('complete'), 30_000);
  expect(pieces).toBeGreaterThan(8);
  expect(raw.socket.readyState).not.toBe(raw.socket.CLOSED);
  expect(raw.messages.find(({ type }) => type === 'next')?.payload).toMatchObject({ data: { a: { requestData: {} } } });
  raw.socket.terminate();
});

test('a client that is gone without a word is noticed, and what it waited for is let go of', async () => {
  const id = await create();
  const proxy = await TcpProxy.before(service.url);
  const gone = await openRawSocket(proxy.through(service.url));
  const there = await openRawSocket(service.url);
  for (const raw of [gone, there]) {
    raw.subscribe('1', documents.small, { variables: { id } });
    raw.subscribe('2', 'query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 600000) { __typename } }', {
      variables: { id },
    });
    await raw.received('1', 'next');
  }
  await watching(4);
  proxy.fallSilent();
  await watching(2);
  expect(there.socket.readyState).toBe(there.socket.OPEN);
  there.socket.close();
  await watching(0);
  await proxy.stop();
});

test('a quiet client that answers pings stays, for however long', async () => {
  const raw = await openRawSocket(service.url);
  let pings = 0;
  raw.socket.on('ping', () => void pings++);
  await eventually('it was asked more often than a silent one would be', () => pings > (2 * slowClientMs) / keepAliveMs, 30_000);
  raw.subscribe('1', '{ __typename }');
  await raw.received('1', 'complete');
  raw.socket.close();
});

test('pongs that nobody asked for prove nothing', async () => {
  const id = await create();
  const raw = await openRawSocket(service.url, { autoPong: false });
  raw.subscribe('1', documents.small, { variables: { id } });
  await raw.received('1', 'next');
  const chatter = setInterval(() => {
    for (const lie of ['', '0', '-1', '9999', 'NaN', '1e400', '1.5e3']) raw.socket.pong(lie);
  }, 20);
  expect(await raw.closed).toBe(4420);
  clearInterval(chatter);
  await watching(0);
});

test.each([
  ['pongs', () => ({ type: 'ping', payload: { text: 'x'.repeat(50_000) } })],
  ['answers', () => ({ id: randomUUID(), type: 'subscribe', payload: { query: documents.answer, variables: { id: 'a' } } })],
] as const)('a client that asks for more and more %s and does not read is closed long before its time is up', async (_, message) => {
  const patient = await startTestApp({ KEEPALIVE_MS: keepAliveMs, SLOW_CLIENT_MS: 600_000, MAX_UNREAD_BYTES: maxUnreadBytes });
  await patient.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH', metadata: { text: 'x'.repeat(bodyBytes) } }, actor);
  const bare = await openBareSocket(patient.url);
  bare.say({ type: 'connection_init' });
  await bare.heard('connection_ack');
  bare.socket.pause();
  const closing = `More than ${maxUnreadBytes} bytes are waiting to be read`;
  await eventually('it is closed', () => {
    bare.say(message());
    return patient.logged.some((line) => line.includes(closing));
  });
  bare.socket.resume();
  const { code, reason } = await bare.closed;
  // Cut off where it reads on too late to see the code.
  if (code !== 1006) expect({ code, reason }).toEqual({ code: 4420, reason: closing });
  await patient.stop();
});

test('a client that closes, and does not read what it was sent before, is let go of and cut off', async () => {
  const patient = await startTestApp({ KEEPALIVE_MS: keepAliveMs, SLOW_CLIENT_MS: 600_000, MAX_SOCKETS: 1 });
  await patient.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH', metadata: { text: 'x'.repeat(bodyBytes) } }, actor);
  const raw = await openRawSocket(patient.url);
  raw.subscribe('1', documents.large, { variables: { id: 'a' } });
  await raw.received('1', 'next');
  raw.socket.pause();
  for (let number = 0; number < 20; number++) raw.subscribe(`more-${number}`, documents.answer, { variables: { id: 'a' } });
  await eventually('it watches', () => patient.app.store.watching === 1);
  raw.socket.close();
  await eventually('nothing is watched for it', () => patient.app.store.watching === 0);
  const next = await eventually('its place is free', () => openRawSocket(patient.url).catch(() => undefined));
  next.socket.close();
  raw.socket.terminate();
  await patient.stop();
});

test('an event stream whose client has stopped reading is cut off; a request that waits, and one that reads, are not', async () => {
  const id = await create();
  const body = (query: string) => JSON.stringify({ query, variables: { id } });
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
  const stuck = request(service.url, { method: 'POST', headers });
  stuck.end(body(documents.large));
  const [answer] = (await once(stuck, 'response')) as [IncomingMessage];
  const waiting = service.send('query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 600000) { __typename } }', { id });
  const reading = await fetch(service.url, { method: 'POST', headers, body: body(documents.small) });
  const read = reading.text();
  read.catch(() => {}); // told below
  await watching(3);
  // What is told of while the stream waits is left out of it, so nobody can say how many changes it takes to fill the buffers.
  await eventually(
    'the one that is stuck is cut off',
    async () => {
      await service.app.store.updateProgress({ assessmentId: id, progress: 0, message: randomUUID() }, actor);
      return service.app.store.watching === 2;
    },
    30_000,
  );
  await service.app.store.cancelAssessment({ assessmentId: id }, actor);
  expect((await waiting).data).toEqual({ waitForAssessment: { __typename: 'WaitForAssessmentPayload' } });
  expect(await read).toContain('event: complete');
  const closed = new Promise((resolve) => answer.on('error', () => {}).once('close', resolve));
  answer.resume();
  await closed;
  expect(answer.complete).toBe(false);
});

test('an answer that is not taken is cut off as well, and gives its place free', async () => {
  const narrow = await startTestApp({ SLOW_CLIENT_MS: slowClientMs, MAX_OPERATIONS_PER_SUBJECT: 1 });
  await narrow.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH', metadata: { text: 'x'.repeat(bodyBytes) } }, actor);
  const many = Array.from({ length: 12 }, (_, number) => `a${number}: assessment(assessmentId: "a") { requestData }`);
  const untaken = request(narrow.url, { method: 'POST', headers: { 'content-type': 'application/json' } });
  untaken.end(JSON.stringify({ query: `{ ${many.join(' ')} }` }));
  const [answer] = (await once(untaken, 'response')) as [IncomingMessage];
  expect((await narrow.send('{ __typename }')).status).toBe(429);
  await eventually('there is room again', async () => (await narrow.send('{ __typename }')).status === 200);
  const closed = new Promise((resolve) => answer.on('error', () => {}).once('close', resolve));
  answer.resume();
  await closed;
  expect(answer.complete).toBe(false);
  await narrow.stop();
});

test('a request that stops in the middle is cut off: in its headers with 408, in its body without a word', async () => {
  const port = Number(new URL(service.url).port);
  const body = 'content-type: application/json\r\ncontent-length: 100\r\n\r\n{"query":';
  for (const [text, answer] of [
    ['', /^HTTP\/1.1 408 /],
    ['POST /graphql HTTP/1.1\r\nhost: localhost\r\n', /^HTTP\/1.1 408 /],
    [`POST /graphql HTTP/1.1\r\nhost: localhost\r\n${body}`, /^$/],
  ] as const) {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    let heard = '';
    socket.on('data', (chunk: string) => {
      heard += chunk;
    });
    socket.write(text);
    await once(socket, 'close');
    expect(heard).toMatch(answer);
  }
});
