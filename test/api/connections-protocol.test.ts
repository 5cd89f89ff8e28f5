import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type BareSocket, type Closed, openBareSocket } from '../support/bare-socket.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const maxMessageBytes = 1024 * 1024;
/** So much may come before init. */
const strangerBytes = 64 * 1024;
const init = { type: 'connection_init' };
const subscribe = (id: string, query = 'subscription { assessmentUpdated(assessmentId: "a") { kind } }') => ({
  ...{ id, type: 'subscribe' },
  payload: { query },
});

let service: TestApp;
let bystander: RawSocket;
beforeAll(async () => {
  service = await startTestApp({ MAX_REQUEST_BYTES: maxMessageBytes });
  await service.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH' }, actor);
  bystander = await openRawSocket(service.url);
  bystander.subscribe('stays', 'subscription { assessmentUpdated(assessmentId: "a") { kind } }');
  await bystander.received('stays', 'next');
});
afterAll(async () => {
  bystander.socket.close();
  await service.stop();
});

interface Case {
  what: string;
  say: unknown[] | ((bare: BareSocket) => void);
  protocols?: string[];
  closed: Closed | { code: number };
}

const acknowledged = async (): Promise<BareSocket> => {
  const bare = await openBareSocket(service.url);
  bare.say(init);
  await bare.heard('connection_ack');
  return bare;
};

const invalid = { code: 4400, reason: 'Invalid message received' };
const beforeInit: Case[] = [
  { what: 'no subprotocol', protocols: [], say: [], closed: { code: 4406, reason: 'Subprotocol not acceptable' } },
  { what: 'an init whose payload is text', say: [{ type: 'connection_init', payload: 'token' }], closed: invalid },
  { what: 'an init whose payload is a list', say: [{ type: 'connection_init', payload: [] }], closed: invalid },
  { what: 'two inits', say: [init, init], closed: { code: 4429, reason: 'Too many initialisation requests' } },
  { what: 'a subscribe before init', say: [subscribe('1')], closed: { code: 4401, reason: 'Unauthorized' } },
];
const afterInit: Case[] = [
  { what: 'a third init', say: [init], closed: { code: 4429, reason: 'Too many initialisation requests' } },
  {
    what: 'two operations of the same id',
    say: [subscribe('1'), subscribe('1')],
    closed: { code: 4409, reason: 'Subscriber for 1 already exists' },
  },
  { what: 'an unknown type', say: [{ type: 'start', id: '1' }], closed: invalid },
  {
    what: 'a message of a server: ack',
    say: [{ type: 'connection_ack' }],
    closed: { code: 4400, reason: 'Unexpected message of type connection_ack received' },
  },
  {
    what: 'a message of a server: next',
    say: [{ id: '1', type: 'next', payload: {} }],
    closed: { code: 4400, reason: 'Unexpected message of type next received' },
  },
  { what: 'no type', say: [{ id: '1' }], closed: invalid },
  { what: 'null', say: [null], closed: invalid },
  { what: 'a list', say: [[init]], closed: invalid },
  { what: 'a number', say: [1], closed: invalid },
  { what: 'a subscribe without an id', say: [{ type: 'subscribe', payload: { query: '{ __typename }' } }], closed: invalid },
  { what: 'a subscribe with an empty id', say: [subscribe('')], closed: invalid },
  { what: 'a subscribe whose id is a number', say: [{ ...subscribe('1'), id: 1 }], closed: invalid },
  { what: 'a subscribe without a payload', say: [{ id: '1', type: 'subscribe' }], closed: invalid },
  { what: 'a subscribe whose query is no text', say: [{ id: '1', type: 'subscribe', payload: { query: {} } }], closed: invalid },
  {
    what: 'a subscribe whose variables are a list',
    say: [{ id: '1', type: 'subscribe', payload: { query: '{ __typename }', variables: [] } }],
    closed: invalid,
  },
  { what: 'a complete without an id', say: [{ type: 'complete' }], closed: invalid },
  { what: 'what is no JSON', say: ({ socket }) => socket.send('{"type":'), closed: invalid },
  { what: 'nothing', say: ({ socket }) => socket.send(''), closed: invalid },
  {
    what: 'a binary message',
    say: ({ socket }) => socket.send(Buffer.from(JSON.stringify(subscribe('1')))),
    closed: { code: 1003, reason: 'Messages must be text' },
  },
  { what: 'a message that is too large', say: [subscribe('1', `{ __typename } #${'x'.repeat(maxMessageBytes)}`)], closed: { code: 1009 } },
  {
    what: 'a message that is too large, in small parts',
    say: ({ socket }) => {
      for (let part = 0; part < 70; part++) socket.send(' '.repeat(16_384), { fin: false });
    },
    closed: { code: 1009 },
  },
  {
    what: 'text that is no UTF-8',
    say: ({ socket }) => socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false }),
    closed: { code: 1007 },
  },
  // Not masked, as every frame of a client must be.
  {
    what: 'a frame that breaks the protocol',
    say: ({ socket }) => void (socket as unknown as { _socket: NodeJS.WritableStream })._socket.write(Buffer.from([0x81, 0x01, 0x31])),
    closed: { code: 1002 },
  },
];

async function closedAfter({ say, protocols }: Case, open: () => Promise<BareSocket>): Promise<Closed> {
  const bare = protocols ? await openBareSocket(service.url, {}, protocols) : await open();
  if (typeof say === 'function') say(bare);
  else for (const message of say) bare.say(message);
  return bare.closed;
}

/** The others are not touched by what one client does wrong, and the log is not filled by it. */
async function nothingElseHappened(): Promise<void> {
  expect(bystander.messages.map(({ type }) => type)).toEqual(['connection_ack', 'next']);
  expect(bystander.socket.readyState).toBe(bystander.socket.OPEN);
  await eventually('nothing of it is left', () => service.app.store.watching === 1);
  const levels = service.logged.map((line) => (JSON.parse(line) as { level: number }).level);
  expect(levels.filter((level) => level > 30)).toEqual([]);
}

test.each(beforeInit)('before init: $what closes the socket with $closed.code', async (wrong) => {
  expect(await closedAfter(wrong, () => openBareSocket(service.url))).toMatchObject(wrong.closed);
  await nothingElseHappened();
});

test.each(afterInit)('after init: $what closes the socket with $closed.code', async (wrong) => {
  expect(await closedAfter(wrong, acknowledged)).toMatchObject(wrong.closed);
  await nothingElseHappened();
});

test.each([
  ['one message', ({ socket }: BareSocket) => socket.send(' '.repeat(10 * strangerBytes))],
  ['one that never ends', ({ socket }: BareSocket) => socket.send(' '.repeat(10 * strangerBytes), { fin: false })],
  [
    'many that are nothing',
    ({ say }: BareSocket) => {
      for (let number = 0; number < 3_000; number++) say({ type: 'ping', payload: {} });
    },
  ],
])('before init there is room for 64 KiB, and no more (%s), and then for as much as ever', async (_, send) => {
  const bare = await openBareSocket(service.url);
  send(bare);
  expect(await bare.closed).toEqual({ code: 1009, reason: `More than ${strangerBytes} bytes before connection_init` });
  const other = await openBareSocket(service.url);
  other.say({ ...init, payload: { token: 'x'.repeat(strangerBytes - 1_000) } });
  await other.heard('connection_ack');
  other.say(subscribe('1', `{ __typename } #${'x'.repeat(maxMessageBytes - 1_000)}`));
  await other.heard('complete');
  other.socket.close();
  await nothingElseHappened();
});

test('sockets are not compressed, whatever their clients offer', async () => {
  const bare = await openBareSocket(service.url, { perMessageDeflate: true });
  expect(bare.socket.extensions).toBe('');
  bare.socket.close();
});

test('a socket of the older protocol is not spoken to', async () => {
  const socket = new WebSocket(service.url.replace('http', 'ws'), 'graphql-ws');
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error.message).toBe('Server sent no subprotocol');
  await nothingElseHappened();
});

test('a client that does not send init is closed with 4408; one that did is not', async () => {
  const impatient = await startTestApp({ SOCKET_INIT_MS: 200 });
  const staying = await openBareSocket(impatient.url);
  staying.say(init);
  const silent = await Promise.all(Array.from({ length: 5 }, () => openBareSocket(impatient.url)));
  for (const { closed } of silent) expect(await closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  staying.say({ type: 'ping', payload: { still: 'here' } });
  await staying.heard('pong');
  expect(staying.texts.at(-1)).toBe('{"type":"pong","payload":{"still":"here"}}');
  staying.socket.close();
  await impatient.stop();
});

test('an id may be used again after its completion, and a complete of what is not there is nothing', async () => {
  const bare = await acknowledged();
  for (const id of ['nothing', '1', '1', '__proto__', 'constructor']) bare.say({ id, type: 'complete' });
  for (const id of ['1', '__proto__', 'constructor', 'x'.repeat(256)]) {
    bare.say(subscribe(id));
    await bare.heard('next');
    bare.texts.length = 0;
    bare.say({ id, type: 'complete' });
    bare.say({ id, type: 'complete' });
  }
  bare.say(subscribe('1', '{ __typename }'));
  await bare.heard('complete');
  expect(bare.texts).toEqual(['{"id":"1","type":"next","payload":{"data":{"__typename":"Query"}}}', '{"id":"1","type":"complete"}']);
  bare.socket.close();
  await eventually('nothing is left', () => service.app.store.watching === 1);
});

test('a message in many frames, with pings between them, is one message', async () => {
  const bare = await acknowledged();
  const pong = once(bare.socket, 'pong');
  const text = JSON.stringify(subscribe('1', `{ __typename } # ${'é'.repeat(1_000)}`));
  for (const byte of Buffer.from(text)) bare.socket.send(Buffer.from([byte]), { fin: false, binary: false });
  bare.socket.ping('in the middle');
  bare.socket.send('', { fin: true });
  expect(String((await pong)[0])).toBe('in the middle');
  await bare.heard('complete');
  bare.socket.close();
});

test.each([
  ['not GraphQL', 'subscription {', 'GRAPHQL_PARSE_FAILED'],
  ['not in the schema', 'subscription { assessmentDropped { kind } }', 'GRAPHQL_VALIDATION_FAILED'],
  ['without an operation', 'fragment F on Query { __typename }', 'GRAPHQL_VALIDATION_FAILED'],
  ['of something unknown', 'subscription { assessmentUpdated(assessmentId: "nowhere") { kind } }', 'NOT_FOUND'],
  ['with a bad argument', 'subscription { assessmentUpdated(assessmentId: "") { kind } }', 'BAD_USER_INPUT'],
  ['with two operations and no name', 'query A { __typename } query B { __typename }', 'OPERATION_RESOLUTION_FAILURE'],
] as const)('an operation that is %s gets an error of its own, in the middle of others', async (_, query, code) => {
  const raw = await openRawSocket(service.url);
  for (let number = 0; number < 50; number++) {
    raw.subscribe(`good-${number}`, 'subscription { assessmentUpdated(assessmentId: "a") { kind } }');
    raw.subscribe(`bad-${number}`, query);
  }
  for (let number = 0; number < 50; number++) {
    await raw.received(`good-${number}`, 'next');
    expect((await raw.received(`bad-${number}`, 'error')).payload).toMatchObject([{ extensions: { code } }]);
    expect(raw.typesOf(`bad-${number}`)).toEqual(['error']);
  }
  expect(service.app.store.watching).toBe(51);
  raw.socket.close();
  await eventually('nothing is left', () => service.app.store.watching === 1);
  await nothingElseHappened();
});
