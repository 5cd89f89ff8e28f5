import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { EventSource } from '../support/event-source.ts';
import { type EventStream, readEventStream, type ServerEvent } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const keepAliveMs = 200;
const updated = 'subscription ($id: String!, $after: Int) { assessmentUpdated(assessmentId: $id, afterVersion: $after) { kind } }';
const feed = `subscription ($where: AssessmentFilter, $after: String) { assessmentFeed(where: $where, after: $after) {
  assessment { assessmentId version } } }`;

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ KEEPALIVE_MS: keepAliveMs, FEED_BUFFER: 50 });
});
afterAll(() => service.stop());

/** What a test is about: the assessments of this server. */
let server: string;
const clients: AbortController[] = [];
beforeEach(() => {
  server = randomUUID();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.abort();
  await eventually('nothing is left', () => service.app.store.feeding + service.app.store.watching === 0);
});

interface Asked {
  method?: 'GET' | 'POST';
  lastEventId?: string;
  accept?: string;
}

async function ask(
  query: string,
  variables: object,
  { method = 'GET', lastEventId, accept = 'text/event-stream' }: Asked = {},
): Promise<Response> {
  const client = new AbortController();
  clients.push(client);
  const headers = { accept, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
  const { signal } = client;
  if (method === 'GET')
    return fetch(`${service.url}?${new URLSearchParams({ query, variables: JSON.stringify(variables) })}`, { headers, signal });
  const body = JSON.stringify({ query, variables });
  return fetch(service.url, { method, headers: { ...headers, 'content-type': 'application/json' }, body, signal });
}

const open = async (query: string, variables: object, asked?: Asked): Promise<EventStream> =>
  readEventStream(await ask(query, variables, asked));
const ofServer = (after?: string) => ({ where: { serverName: { eq: server } }, after });

const create = async (): Promise<string> => {
  const { assessment } = await service.app.store.createAssessment({ type: 'HEALTH', serverName: server }, actor);
  return assessment.assessmentId;
};
const start = (assessmentId: string) => service.app.store.startProcessing({ assessmentId }, actor);
const progress = (assessmentId: string, message: string) => service.app.store.updateProgress({ assessmentId, progress: 1, message }, actor);
const cancel = (assessmentId: string) => service.app.store.cancelAssessment({ assessmentId }, actor);

const came = ({ events }: { events: ServerEvent[] }, count: number) => eventually(`${count} events`, () => events.length >= count);
const kindsOf = ({ events }: EventStream) =>
  events.map(({ event, data }) => (data as { data?: { assessmentUpdated: { kind: string } } })?.data?.assessmentUpdated.kind ?? event);
const versionsOf = ({ events }: { events: ServerEvent[] }): number[] =>
  events
    .filter(({ event }) => event === 'next')
    .map(({ data }) => (data as { data: { assessmentFeed: { assessment: { version: number } } } }).data.assessmentFeed.assessment.version);

test('every event of one assessment carries its version, and a client that comes back goes on after it, by GET and by POST', async () => {
  const id = await create();
  const first = await open(updated, { id });
  await came(first, 1);
  await start(id);
  await progress(id, 'one');
  await came(first, 3);
  expect(first.events.map((event) => event.id)).toEqual(['1', '2', '3']);
  for (const method of ['GET', 'POST'] as const) {
    const behind = await open(updated, { id }, { method, lastEventId: '2' });
    await came(behind, 1);
    expect(behind.events).toMatchObject([{ event: 'next', id: '3' }]);
  }
  // What the client has seen counts, not what it knew when it began.
  const even = await open(updated, { id, after: 1 }, { lastEventId: '3' });
  await eventually('all are there', () => service.app.store.watching === 4);
  await cancel(id);
  for (const stream of [first, even]) await stream.ended;
  expect(kindsOf(first)).toEqual(['SNAPSHOT', 'STARTED', 'PROGRESS', 'CANCELLED', 'complete']);
  expect(kindsOf(even)).toEqual(['CANCELLED', 'complete']);
  expect(even.events.map((event) => event.id)).toEqual(['4', undefined]);
});

test('every event of a feed carries its cursor, whether it is selected or not, and a client that comes back goes on after it', async () => {
  const first = await open(feed.replace('assessment {', 'cursor assessment {'), ofServer());
  await eventually('it has begun', () => service.app.store.feeding === 1);
  const id = await create();
  await start(id);
  await progress(id, 'one');
  await came(first, 3);
  const cursors = first.events.map(({ data }) => (data as { data: { assessmentFeed: { cursor: string } } }).data.assessmentFeed.cursor);
  expect(first.events.map((event) => event.id)).toEqual(cursors);
  for (const method of ['GET', 'POST'] as const) {
    const back = await open(feed, ofServer('0'), { method, lastEventId: cursors[0] as string });
    await came(back, 2);
    await progress(id, method);
    const versions = method === 'GET' ? [2, 3, 4] : [2, 3, 4, 5];
    await came(back, versions.length);
    expect(versionsOf(back)).toEqual(versions);
    const last = await open(feed, ofServer(), { lastEventId: back.events.at(-2)?.id as string });
    await came(last, 1);
    expect(last.events[0]).toEqual(back.events.at(-1));
  }
});

test.each([
  ['of one assessment', updated, 'first', 'afterVersion'],
  ['of one assessment', updated, '-1', 'afterVersion'],
  ['of one assessment', updated, '99', 'afterVersion'],
  ['of a feed', feed, 'first', 'after'],
  ['of a feed', feed, '3', 'after'],
])('an id that no event %s has (%#) is refused by the name of the argument that it stands for', async (_, query, lastEventId, argument) => {
  const stream = await open(query, { id: await create(), ...ofServer() }, { lastEventId });
  await stream.ended;
  expect(stream.events).toMatchObject([
    { event: 'next', data: { errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }] } },
    { event: 'complete' },
  ]);
  expect(stream.events[0]).not.toHaveProperty('id');
});

test('an EventSource that knows nothing of `complete` comes back once after the end, and is told by 204 to stop', async () => {
  const id = await create();
  const source = new EventSource(service.url, updated, { id });
  await came(source, 1);
  await cancel(id);
  await source.stopped;
  expect(source.statuses).toEqual([200, 204]);
  expect(source.events.map(({ event, id }) => [event, id])).toEqual([
    ['next', '1'],
    ['next', '2'],
    ['complete', undefined],
  ]);
});

test('a client that asks by POST after the end gets `complete`, as does one that has not seen it', async () => {
  const id = await create();
  await cancel(id);
  const back = await open(updated, { id }, { method: 'POST', lastEventId: '2' });
  await back.ended;
  expect(back.response.status).toBe(200);
  expect(back.events).toEqual([{ event: 'complete', data: undefined }]);
  const late = await open(updated, { id }, { lastEventId: '1' });
  await late.ended;
  expect(kindsOf(late)).toEqual(['SNAPSHOT', 'complete']);
});

test('an EventSource whose connection breaks off again and again gets every change of its feed exactly once', async () => {
  const proxy = await TcpProxy.before(service.url);
  const source = new EventSource(proxy.through(service.url), feed, ofServer());
  await eventually('it has begun', () => service.app.store.feeding === 1);
  const id = await create();
  await start(id);
  await came(source, 1); // without an event there is nothing to come back with
  for (let round = 0; round < 8; round++) {
    await progress(id, `${round} at once`);
    if (round % 2 === 0) await proxy.cut();
    for (let number = 0; number < 20; number++) await progress(id, `${round} ${number}`);
    if (round % 2 === 0) await proxy.restore();
  }
  const count = 2 + 8 * 21;
  await came(source, count);
  expect(versionsOf(source)).toEqual([...Array(count).keys()].map((version) => version + 1));
  expect(source.statuses.length).toBeGreaterThan(4);
  await source.close();
  await proxy.stop();
});

test('a stream in which nothing happens is kept alive by comments', async () => {
  const stream = await open(feed, ofServer());
  await eventually('there are comments', () => stream.comments >= 4); // the first comes at once
  expect(stream.events).toEqual([]);
});

test('a mutation cannot be asked for by GET', async () => {
  const id = await create();
  const mutation = `mutation ($id: String!) { cancelAssessment(input: { assessmentId: $id }) { __typename } }`;
  for (const accept of ['text/event-stream', 'application/json']) expect((await ask(mutation, { id }, { accept })).status).toBe(405);
  expect(await service.app.store.getState(id, actor)).toMatchObject({ state: 'PENDING' });
});

test('a subscription whose client takes no events is refused, and let go of', async () => {
  const id = await create();
  for (const query of [updated, feed])
    for (const method of ['GET', 'POST'] as const) {
      const response = await ask(query, { id, ...ofServer() }, { method, accept: 'application/json' });
      expect(response.status).toBe(406);
      expect(service.app.store.watching + service.app.store.feeding).toBe(0);
    }
});

test('clients that go away while they are being answered leave nothing behind', async () => {
  const id = await create();
  for (let round = 0; round < 40; round++) {
    const asked = ask(round % 2 === 0 ? updated : feed, { id, ...ofServer('0') });
    for (let turns = round % 10; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    clients.at(-1)?.abort();
    await asked.catch(() => {});
  }
  await eventually('nothing is left', () => service.app.store.watching + service.app.store.feeding === 0);
});

test('a reader of a feed that does not read costs little memory, delays nobody, and gets everything in the end', async () => {
  const id = randomUUID();
  const input = { assessmentId: id, type: 'HEALTH', serverName: server, metadata: { text: 'x'.repeat(100_000) } } as const;
  await service.app.store.createAssessment(input, actor);
  await start(id);
  const unread = await ask(feed.replace('version', 'version requestData'), ofServer('0'));
  const reading = await open(feed, ofServer('0'));
  await came(reading, 2);
  const before = await bufferedBytes();
  const count = 300;
  for (let number = 2; number < count; number++) await progress(id, `${number}`);
  await came(reading, count);
  // 30 MB wait for it, less what the system has taken: in the log, not in the service.
  expect((await bufferedBytes()) - before).toBeLessThan(3_000_000);
  const late = readEventStream(unread);
  await came(late, count);
  for (const stream of [reading, late]) expect(versionsOf(stream)).toEqual([...Array(count).keys()].map((version) => version + 1));
});

/** Bytes in the buffers of this process, which is that of the service too, when all that can be freed is freed. */
async function bufferedBytes(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  return process.memoryUsage().arrayBuffers;
}
