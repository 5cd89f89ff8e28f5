import { afterEach, expect, test } from 'vitest';
import type { Config } from '../../src/config.ts';
import { type BareSocket, openBareSocket } from '../support/bare-socket.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const updated = 'subscription { assessmentUpdated(assessmentId: "a") { kind } }';
const wait = '{ waitForAssessment(assessmentId: "a", timeoutMs: 600000) { __typename } }';

let service: TestApp;
const start = async (config: Partial<Config>): Promise<void> => {
  service = await startTestApp(config);
  await service.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH' }, actor);
};
afterEach(() => service.stop());

const watching = (count: number) => eventually(`there are ${count} watches`, () => service.app.store.watching === count);

async function subscribed(raw: RawSocket, from: number, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, number) => String(from + number));
  for (const id of ids) raw.subscribe(id, updated);
  for (const id of ids) await raw.received(id, 'next');
}

/** A socket, unless it is closed instead. */
async function admitted(): Promise<BareSocket | undefined> {
  const bare = await openBareSocket(service.url);
  bare.say({ type: 'connection_init' });
  return Promise.race([bare.heard('connection_ack').then(() => bare), bare.closed.then(() => undefined)]);
}

/** What an operation is answered that is refused. */
async function refusal(raw: RawSocket, id: string, query = updated): Promise<unknown> {
  raw.subscribe(id, query);
  const { payload } = await raw.received(id, 'error');
  expect(raw.typesOf(id)).toEqual(['error']);
  expect(raw.socket.readyState).toBe(raw.socket.OPEN);
  return payload;
}

const tooMany = (code: string, limit: string, where: string) => [
  {
    message: `Too many operations at a time ${where}. Wait until some have ended, or complete them.`,
    extensions: { code, limit, retryAfterMs: 1_000 },
  },
];

test('operations of a socket: one too many is refused alone, and each that ends makes room', async () => {
  await start({ MAX_OPERATIONS_PER_SOCKET: 20 });
  const raw = await openRawSocket(service.url);
  await subscribed(raw, 0, 18);
  raw.subscribe('wait', wait);
  await watching(19);
  await subscribed(raw, 18, 1);
  const refused = tooMany('RATE_LIMITED', 'socket', 'on this socket: 20');
  for (let round = 0; round < 3; round++) {
    expect(await refusal(raw, `more-${round}`)).toEqual(refused);
    expect(await refusal(raw, `query-${round}`, '{ __typename }')).toEqual(refused);
  }
  await watching(20);
  for (let round = 0; round < 50; round++) {
    raw.complete(round === 0 ? 'wait' : `again-${round - 1}`);
    await watching(19);
    raw.subscribe(`again-${round}`, round % 2 === 0 ? updated : wait);
    await watching(20);
  }
  // All that ends by itself makes room too: after the end of the assessment, after an error, after an answer.
  await service.app.store.cancelAssessment({ assessmentId: 'a' }, actor);
  await watching(0);
  for (let round = 0; round < 30; round++) {
    raw.subscribe(`end-${round}`, ['{ __typename }', '{ bad', updated, updated.replace('"a"', '"nowhere"'), wait][round % 5] ?? '');
    await raw.received(`end-${round}`, round % 5 === 1 || round % 5 === 3 ? 'error' : 'complete');
  }
  raw.socket.close();
});

test('an operation that is completed while it begins makes room, whatever becomes of it', async () => {
  await start({ MAX_OPERATIONS_PER_SOCKET: 5 });
  const raw = await openRawSocket(service.url);
  for (let round = 0; round < 100; round++) {
    const id = `${round % 3}`;
    const query =
      [updated, '{ bad', wait, updated.replace('"a"', '"nowhere"'), 'query A { __typename } query B { __typename }'][round % 5] ?? '';
    raw.subscribe(id, query);
    for (let turns = round % 4; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    raw.complete(id);
    if (round % 5 === 4) await watching(0);
  }
  // A place is given back when the work for the operation has ended, which may be a moment after its completion.
  for (let number = 0; number < 5; number++) {
    await eventually(`there is room for ${number + 1}`, async () => {
      const id = `last-${number}-${raw.messages.length}`;
      raw.subscribe(id, updated);
      return eventually('an answer', () => raw.typesOf(id)[0]).then((type) => type === 'next');
    });
  }
  await watching(5);
  expect(await refusal(raw, 'more')).toMatchObject([{ extensions: { limit: 'socket' } }]);
  raw.socket.close();
  await watching(0);
});

test('operations of a subject: on all its sockets and over HTTP together', async () => {
  await start({ MAX_OPERATIONS_PER_SUBJECT: 10 });
  const [one, two] = [await openRawSocket(service.url), await openRawSocket(service.url)];
  await subscribed(one, 0, 6);
  await subscribed(two, 0, 4);
  const refused = tooMany('RATE_LIMITED', 'subject', 'of this subject: 10');
  expect(await refusal(one, 'more')).toEqual(refused);
  expect(await refusal(two, 'more')).toEqual(refused);
  const http = await service.send('{ __typename }');
  const { status, errors, headers } = http;
  expect([status, errors, headers.get('retry-after'), headers.get('connection')]).toEqual([429, refused, '1', 'keep-alive']);
  one.socket.terminate();
  await watching(4);
  const waits = Array.from({ length: 6 }, () => service.send(wait));
  await watching(10);
  expect(await refusal(two, 'again')).toEqual(refused);
  await service.app.store.cancelAssessment({ assessmentId: 'a' }, actor);
  expect((await Promise.all(waits)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  await two.received('0', 'complete');
  expect((await service.send('{ __typename }')).status).toBe(200);
  two.socket.close();
});

test('operations of the process: OVERLOADED, for it is not the client that has too many', async () => {
  await start({ MAX_OPERATIONS: 10 });
  const raw = await openRawSocket(service.url);
  await subscribed(raw, 0, 10);
  const refused = tooMany('OVERLOADED', 'process', 'in this process: 10');
  expect(await refusal(raw, 'more')).toEqual(refused);
  expect(await service.send('mutation { cancelAssessment(input: { assessmentId: "a" }) { __typename } }')).toMatchObject({
    ...{ status: 503, errors: refused },
  });
  // Who looks after the instance is not kept out.
  for (const path of ['/health/live', '/health/ready']) expect((await fetch(new URL(path, service.url))).status).toBe(200);
  raw.complete('0');
  await watching(9);
  expect(await service.send('{ __typename }')).toMatchObject({ status: 200, data: { __typename: 'Query' } });
  raw.socket.close();
});

test.each([
  [{ MAX_SOCKETS: 5 }, { code: 4430, reason: 'Too many sockets in this process: 5' }],
  [{ MAX_SOCKETS_PER_SUBJECT: 5 }, { code: 4431, reason: 'Too many sockets of this subject: 5' }],
] as const)('sockets (%o): one too many is closed with a code of its own, and each that goes makes room', async (limits, closed) => {
  await start(limits);
  const open = await Promise.all(Array.from({ length: 5 }, () => admitted()));
  for (let round = 0; round < 10; round++) {
    const more = await openBareSocket(service.url);
    more.say({ type: 'connection_init' });
    expect(await more.closed).toEqual(closed);
    expect(more.texts).toEqual([]);
  }
  for (let round = 0; round < 10; round++) {
    const going = open.shift();
    if (round % 2 === 0) going?.socket.terminate();
    else going?.socket.close();
    open.push(await eventually('there is room again', admitted));
  }
  for (const bare of open) {
    bare?.say({ id: '1', type: 'subscribe', payload: { query: updated } });
    await bare?.heard('next');
  }
  expect((await service.send('{ __typename }')).status).toBe(200);
  for (const bare of open) bare?.socket.close();
});

test('who has not sent connection_init keeps nobody out: the one that has waited longest gives way', async () => {
  await start({ MAX_SOCKETS: 4, SOCKET_INIT_MS: 600_000 });
  const known = await eventually('there is room', admitted);
  const strangers: BareSocket[] = [];
  for (let number = 0; number < 6; number++) strangers.push(await openBareSocket(service.url));
  const closed = { code: 4430, reason: 'Too many sockets in this process: 4' };
  for (const { closed: given } of strangers.slice(0, 3)) expect(await given).toEqual(closed);
  for (const stranger of strangers.slice(3)) {
    stranger.say({ type: 'connection_init' });
    await stranger.heard('connection_ack');
  }
  expect(await (await openBareSocket(service.url)).closed).toEqual(closed);
  known.say({ id: '1', type: 'subscribe', payload: { query: updated } });
  await known.heard('next');
  for (const { socket } of [known, ...strangers]) socket.close();
});
