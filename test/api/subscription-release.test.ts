import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const updated = 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { kind } }';
const wait = 'query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 600000) { __typename } }';

let service: TestApp;
let id: string;
beforeAll(async () => {
  service = await startTestApp();
});
beforeEach(async () => {
  id = randomUUID();
  await service.app.store.createAssessment({ assessmentId: id, type: 'HEALTH' }, actor);
});
afterAll(() => service.stop());

const watching = (count: number) => eventually(`there are ${count} watches`, () => service.app.store.watching === count);

test('200 subscriptions that are completed as soon as they are begun leave nothing behind', async () => {
  const raw = await openRawSocket(service.url);
  for (let number = 0; number < 200; number++) {
    const key = String(number);
    raw.subscribe(key, number % 4 === 3 ? wait : updated, { variables: { id: number % 5 === 0 ? 'nowhere' : id } });
    for (let turns = number % 7; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    raw.complete(key);
  }
  raw.subscribe('last', updated, { variables: { id } });
  await raw.received('last', 'next');
  await watching(1);
  raw.complete('last');
  await watching(0);
  expect(raw.socket.readyState).toBe(raw.socket.OPEN);
  raw.socket.close();
});

test('an id that is used again as soon as it is completed carries the new subscription alone', async () => {
  const raw = await openRawSocket(service.url);
  for (let round = 0; round < 100; round++) {
    raw.subscribe('again', round % 3 === 0 ? wait : updated, { variables: { id: round % 5 === 0 ? 'nowhere' : id } });
    for (let turns = round % 4; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    raw.complete('again');
  }
  raw.subscribe('again', updated.replace('assessmentUpdated', 'last: assessmentUpdated'), { variables: { id } });
  const snapshot = { id: 'again', type: 'next', payload: { data: { last: { kind: 'SNAPSHOT' } } } };
  const begun = () => raw.messages.findIndex((message) => isDeepStrictEqual(message, snapshot));
  await eventually('the last has begun', () => begun() >= 0);
  await watching(1);
  await service.app.store.cancelAssessment({ assessmentId: id }, actor);
  await eventually('the last has ended', () => raw.messages.at(-1)?.type === 'complete');
  expect(raw.messages.slice(begun() + 1)).toEqual([
    { id: 'again', type: 'next', payload: { data: { last: { kind: 'CANCELLED' } } } },
    { id: 'again', type: 'complete' },
  ]);
  expect(raw.socket.readyState).toBe(raw.socket.OPEN);
  raw.socket.close();
});

test.each(['close', 'terminate'] as const)('a socket that goes away (%s) takes its waits and subscriptions with it', async (way) => {
  const [raw, staying] = [await openRawSocket(service.url), await openRawSocket(service.url)];
  for (let number = 0; number < 20; number++) raw.subscribe(String(number), number % 2 === 0 ? updated : wait, { variables: { id } });
  staying.subscribe('stays', updated, { variables: { id } });
  await watching(21);
  raw.socket[way]();
  await watching(1);
  staying.socket.close();
  await watching(0);
});

test('a socket that goes away while its operations begin leaves nothing behind', async () => {
  const staying = await openRawSocket(service.url);
  for (let round = 0; round < 20; round++) {
    const raw = await openRawSocket(service.url);
    for (let number = 0; number < 10; number++) raw.subscribe(String(number), number % 2 === 0 ? updated : wait, { variables: { id } });
    if (round % 2 === 0) raw.socket.close();
    else raw.socket.terminate();
    await raw.closed;
  }
  staying.subscribe('stays', updated, { variables: { id } });
  await staying.received('stays', 'next');
  await watching(1);
  staying.socket.close();
  await watching(0);
});

test('a waitForAssessment over a socket is let go of when it is completed by the client', async () => {
  const raw = await openRawSocket(service.url);
  raw.subscribe('wait', wait, { variables: { id } });
  await watching(1);
  raw.complete('wait');
  await watching(0);
  raw.subscribe('after', '{ __typename }');
  await raw.received('after', 'complete');
  expect(raw.typesOf('wait')).toEqual([]);
  raw.socket.close();
});

test('a waitForAssessment over HTTP is let go of when its client breaks off', async () => {
  const clients = Array.from({ length: 20 }, () => new AbortController());
  const answers = clients.map(({ signal }) =>
    fetch(service.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: wait, variables: { id } }),
      signal,
    }),
  );
  const settled = Promise.allSettled(answers);
  await watching(20);
  for (const client of clients.slice(1)) client.abort();
  await watching(1);
  await service.app.store.cancelAssessment({ assessmentId: id }, actor);
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', ...Array.from({ length: 19 }, () => 'rejected')]);
  await watching(0);
});
