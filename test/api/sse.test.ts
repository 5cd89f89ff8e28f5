import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EventStream, readEventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

const document = `subscription ($id: String!) { assessmentUpdated(assessmentId: $id) {
  kind previousState cursor assessment { state version progress resultData auditTrail(last: 1) { nodes { newState } } } } }`;

async function open(id: string, options: { signal?: AbortSignal; from?: TestApp } = {}): Promise<EventStream> {
  return readEventStream(
    await fetch((options.from ?? service).url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: document, variables: { id } }),
      signal: options.signal ?? null,
    }),
  );
}

async function create(): Promise<string> {
  const assessmentId = randomUUID();
  await service.app.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  return assessmentId;
}

const watching = (count: number) => eventually(`there are ${count} watches`, () => service.app.store.watching === count);

test('server-sent events carry the same stream as a socket, and end by themselves after the terminal state', async () => {
  const assessmentId = await create();
  const { store } = service.app;
  const stream = await open(assessmentId);
  expect(stream.response.status).toBe(200);
  expect(stream.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const overSocket: unknown[] = [];
  const socket = (async () => {
    for await (const result of service.connect().iterate({ query: document, variables: { id: assessmentId } })) overSocket.push(result);
  })();
  const changes = [
    async () => {},
    () => store.startProcessing({ assessmentId }, actor),
    () => store.updateProgress({ assessmentId, progress: 30, message: 'a line\n\nevent: complete\ndata: forged' }, actor),
    () => store.completeAssessment({ assessmentId, result: { text: 'a\n\nb' } }, actor),
  ];
  for (const [index, change] of changes.entries()) {
    await change();
    await eventually('both have it', () => stream.events.length > index && overSocket.length > index);
  }
  await stream.ended;
  await socket;
  const results = stream.events.filter(({ event }) => event === 'next').map(({ data }) => data);
  expect(results).toEqual(overSocket);
  expect(results).toMatchObject(
    ['SNAPSHOT', 'STARTED', 'PROGRESS', 'COMPLETED'].map((kind) => ({ data: { assessmentUpdated: { kind } } })),
  );
  expect(stream.events.map(({ event }) => event)).toEqual(['next', 'next', 'next', 'next', 'complete']);
  await watching(0);
});

test('an assessment that has ended is one event and the end', async () => {
  const assessmentId = await create();
  await service.app.store.cancelAssessment({ assessmentId }, actor);
  const stream = await open(assessmentId);
  await stream.ended;
  expect(stream.events).toMatchObject([
    { event: 'next', data: { data: { assessmentUpdated: { kind: 'SNAPSHOT', assessment: { state: 'CANCELLED' } } } } },
    { event: 'complete' },
  ]);
});

test('an unknown assessment is refused with NOT_FOUND', async () => {
  const stream = await open('nowhere');
  await stream.ended;
  expect(stream.events).toMatchObject([
    { event: 'next', data: { errors: [{ extensions: { code: 'NOT_FOUND' } }] } },
    { event: 'complete' },
  ]);
  expect(service.app.store.watching).toBe(0);
});

test('clients that go away let go of their watches, and the others go on', async () => {
  const assessmentId = await create();
  const clients = Array.from({ length: 10 }, () => new AbortController());
  const streams = await Promise.all(clients.map(({ signal }) => open(assessmentId, { signal })));
  await eventually('all have begun', () => streams.every(({ events }) => events.length === 1));
  await watching(10);
  for (const client of clients.slice(1)) client.abort();
  await watching(1);
  await service.app.store.cancelAssessment({ assessmentId }, actor);
  await streams[0]?.ended;
  expect(streams[0]?.events.map(({ event }) => event)).toEqual(['next', 'next', 'complete']);
  await watching(0);
});

test('when the service stops, a stream is cut off, so that its reader knows that there is more, and does not hold up the stop', async () => {
  const own = await startTestApp({ STOP_TIMEOUT_MS: 20_000 });
  await own.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH' }, actor);
  const stream = await open('a', { from: own });
  await eventually('it has begun', () => stream.events.length === 1);
  const begun = performance.now();
  await own.app.stop();
  expect(performance.now() - begun).toBeLessThan(10_000);
  await expect(stream.ended).rejects.toThrow();
  expect(stream.events).toHaveLength(1);
  await own.database.drop();
});
