import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Config } from '../../src/config.ts';
import { openBareSocket } from '../support/bare-socket.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const longMs = 600_000;
const updated = 'subscription { assessmentUpdated(assessmentId: "a") { kind } }';
const wait = '{ waitForAssessment(assessmentId: "a", timeoutMs: 600000) { __typename } }';

let service: TestApp;
async function start(config: Partial<Config>): Promise<void> {
  service = await startTestApp(config);
  await service.app.store.createAssessment({ assessmentId: 'a', type: 'HEALTH' }, actor);
}
afterEach(async () => {
  service.app.hurry();
  await service.app.stop();
  await service.database.drop();
});

const health = (path: string): Promise<Response> => fetch(new URL(`/health/${path}`, service.url));

/** As a load balancer does. */
async function watchReadiness(): Promise<void> {
  for (let round = 0; round < 2; round++) expect((await health('ready')).status).toBe(200);
}

/** Whether a promise is settled by now. */
const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);

test('while it drains: not ready but alive, no new sockets, requests served, open sockets carried on', async () => {
  await start({ DRAIN_MS: longMs });
  await watchReadiness();
  const raw = await openRawSocket(service.url);
  raw.subscribe('1', updated);
  await raw.received('1', 'next');
  const stopped = service.app.stop();
  const ready = await health('ready');
  expect([ready.status, ready.headers.get('connection'), await ready.json()]).toEqual([
    ...[503, 'close', { status: 'stopping', error: 'The service is stopping.' }],
  ]);
  expect((await health('live')).status).toBe(200);
  await expect(openBareSocket(service.url)).rejects.toThrow('503');
  const waiting = service.send(wait);
  for (const mutation of ['startProcessing', 'completeAssessment']) {
    const input = mutation === 'completeAssessment' ? '{ assessmentId: "a", result: {} }' : '{ assessmentId: "a" }';
    const answer = await service.send(`mutation { ${mutation}(input: ${input}) { __typename } }`);
    expect([answer.status, answer.headers.get('connection'), answer.errors]).toEqual([200, 'close', undefined]);
  }
  expect((await waiting).data).toEqual({ waitForAssessment: { __typename: 'WaitForAssessmentPayload' } });
  await raw.received('1', 'complete');
  raw.subscribe('2', '{ __typename }');
  await raw.received('2', 'complete');
  expect(await isSettled(stopped)).toBe(false);
  service.app.hurry();
  expect(await raw.closed).toBe(1001);
  await stopped;
});

test('open sockets are closed a few at a time, each with 1001; those that remain go on until their turn', async () => {
  const count = 200;
  await start({ DRAIN_MS: 1_500 });
  const sockets = await Promise.all(Array.from({ length: count }, () => openRawSocket(service.url)));
  for (const raw of sockets) {
    raw.subscribe('1', updated);
    await raw.received('1', 'next');
  }
  const steps: number[] = [];
  let open = count;
  const codes = Promise.all(sockets.map(({ closed }) => closed.finally(() => void open--)));
  const stopped = service.app.stop();
  while (open > 0) {
    if (steps.at(-1) !== open) steps.push(open);
    await sleep(5);
  }
  expect(new Set(await codes)).toEqual(new Set([1001]));
  // Two hundred in steps of about ten, whatever the machine makes of the time between them.
  expect(steps.length).toBeGreaterThan(5);
  expect(sockets.every((raw) => raw.typesOf('1').length === 1)).toBe(true);
  await stopped;
});

test.each([30_000, 0])(
  'a change that was asked for on a socket is answered before the socket is closed (DRAIN_MS %i)',
  async (DRAIN_MS) => {
    await start({ DRAIN_MS, LOCK_PATIENCE_MS: 30_000, STOP_TIMEOUT_MS: 60_000 });
    const operator = await service.database.connect();
    await operator.query("begin; select 1 from assessment_states where assessment_id = 'a' for update");
    const [changing, other] = [await openRawSocket(service.url), await openRawSocket(service.url)];
    changing.subscribe('1', 'mutation { startProcessing(input: { assessmentId: "a" }) { __typename } }');
    service.statements.length = 0;
    await eventually('the command has met the lock', () => service.statements.length > 0);
    const stopped = service.app.stop();
    expect(await other.closed).toBe(1001);
    expect(changing.socket.readyState).toBe(changing.socket.OPEN);
    // Served while it drains; once it stops, nothing new is begun.
    changing.subscribe('2', '{ __typename }');
    if (DRAIN_MS > 0) await changing.received('2', 'complete');
    await operator.query('rollback');
    expect(await changing.closed).toBe(1001);
    expect(changing.typesOf('1')).toEqual(['next', 'complete']);
    expect(changing.typesOf('2')).toEqual(DRAIN_MS > 0 ? ['next', 'complete'] : []);
    expect((await changing.received('1', 'next')).payload).toEqual({
      data: { startProcessing: { __typename: 'StartProcessingPayload' } },
    });
    await stopped;
  },
);

test('waits over HTTP go on while it drains, and are then told to ask another instance', async () => {
  await start({ DRAIN_MS: longMs });
  await watchReadiness();
  service.statements.length = 0;
  const waiting = service.send(wait);
  await eventually('it waits', () => service.app.store.watching === 1);
  const stopped = service.app.stop();
  await health('ready');
  expect(await isSettled(waiting)).toBe(false);
  service.app.hurry();
  expect((await waiting).errors).toMatchObject([{ extensions: { code: 'OVERLOADED', retryAfterMs: 1_000 } }]);
  await stopped;
});

test.each([
  ['a window of nothing', { DRAIN_MS: 0 }, true],
  ['few sockets, and nobody who asks for readiness', { DRAIN_MS: longMs }, false],
] as const)('with %s the stop is quick', async (_, config, watched) => {
  await start(config);
  if (watched) await watchReadiness();
  else await health('ready'); // somebody curious
  const sockets = await Promise.all(Array.from({ length: 15 }, () => openRawSocket(service.url)));
  await service.app.stop();
  expect(new Set(await Promise.all(sockets.map(({ closed }) => closed)))).toEqual(new Set([1001]));
});

const events = (accept: string): Promise<Response> => {
  const headers = { 'content-type': 'application/json', accept };
  return fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query: updated }) });
};

test('event streams are cut off in their turn, not ended; new ones are refused, as sockets are', async () => {
  await start({ DRAIN_MS: 2_000 });
  await watchReadiness();
  const open = await events('text/event-stream');
  await eventually('it watches', () => service.app.store.watching === 1);
  const stopped = service.app.stop();
  const refused = await events('text/event-stream');
  expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('connection')]).toEqual([503, '1', 'close']);
  // One that would take other answers too does not say by this that it is a stream: it is served, and cut off with the others.
  const late = await events('application/json, text/event-stream');
  expect(late.headers.get('content-type')).toBe('text/event-stream');
  for (const response of [open, late]) await expect(response.text()).rejects.toThrow();
  await stopped;
});
