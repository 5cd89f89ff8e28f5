import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BareSocket, openBareSocket } from '../support/bare-socket.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

/** On one socket there is room for a little more than a subject may have. */
const most = { sockets: 3, operations: 4, operationsPerSocket: 5 };
const updated = 'subscription { assessmentUpdated(assessmentId: "open") { kind } }';
const documents = [
  updated,
  updated.replace('open', 'ended'),
  updated.replace('open', 'nowhere'),
  'subscription { assessmentFeed { cursor } }',
  'subscription { assessmentFeed(after: "0") { assessment { version } } }',
  'subscription { assessmentFeed(after: "bad") { cursor } }',
  '{ waitForAssessment(assessmentId: "open", timeoutMs: 600000) { __typename } }',
  '{ __typename }',
  'mutation { updateProgress(input: { assessmentId: "open", progress: 0 }) { __typename } }',
  '{ bad',
  '{ bad }',
  'query A { __typename } query B { __typename }',
];
/** Few, so that they are used again and again. */
const ids = ['1', '2', '__proto__'];
const place = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(most.sockets) });

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({
    ...{ MAX_SOCKETS: most.sockets, MAX_SOCKETS_PER_SUBJECT: most.sockets, SOCKET_INIT_MS: 1_000 },
    ...{ MAX_OPERATIONS: most.operations, MAX_OPERATIONS_PER_SUBJECT: most.operations },
    MAX_OPERATIONS_PER_SOCKET: most.operationsPerSocket,
  });
  const { store } = service.app;
  for (const assessmentId of ['open', 'ended']) await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  await store.startProcessing({ assessmentId: 'open' }, actor);
  await store.cancelAssessment({ assessmentId: 'ended' }, actor);
});
afterAll(() => service.stop());

/** What a client may do, well or badly behaved. */
type Step = (sockets: BareSocket[]) => unknown;

const on = (act: (bare: BareSocket) => unknown): fc.Arbitrary<Step> =>
  place.map((number) => (sockets) => {
    const bare = sockets[number];
    if (bare && isOpen(bare)) act(bare);
  });
const say = (message: unknown): fc.Arbitrary<Step> => on((bare) => bare.say(message));
/** Begins an operation, as a rule one whose id is free; it may be completed in the same breath. */
const subscribing = fc
  .record({
    id: fc.constantFrom(...ids),
    query: fc.constantFrom(...documents),
    careless: fc.nat(30).map((dice) => dice === 0),
    brief: fc.boolean(),
  })
  .chain(({ id, query, careless, brief }) =>
    on((bare) => {
      if (!careless) bare.say({ id, type: 'complete' });
      bare.say({ id, type: 'subscribe', payload: { query } });
      if (brief) bare.say({ id, type: 'complete' });
    }),
  );

/** Those whose client has sent `connection_init`. */
const introduced = new WeakSet<BareSocket>();

const opening = fc.nat(10).map(
  (dice): Step =>
    async (sockets) => {
      const number = sockets.findIndex((other) => other.socket.readyState === other.socket.CLOSED);
      const bare = await openBareSocket(service.url);
      sockets[number < 0 ? sockets.length : number] = bare;
      if (dice === 0) return;
      bare.say({ type: 'connection_init' });
      introduced.add(bare);
    },
);

/** What ends a socket. */
const ending = fc.oneof(
  say({ type: 'connection_init' }),
  fc.constantFrom({ type: 'start' }, [], { type: 'next', id: '1' }).chain(say),
  on(({ socket }) => socket.send(Buffer.from('{}'))),
  on(({ socket }) => socket.close()),
  on(({ socket }) => socket.terminate()),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: opening },
  { weight: 30, arbitrary: subscribing },
  { weight: 10, arbitrary: fc.constantFrom(...ids).chain((id) => say({ id, type: 'complete' })) },
  { weight: 2, arbitrary: say({ type: 'ping' }) },
  { weight: 2, arbitrary: ending },
  { weight: 2, arbitrary: on(({ socket }) => (socket.isPaused ? socket.resume() : socket.pause())) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 30 }).map((turns) => () => turned(turns)) },
  { weight: 2, arbitrary: fc.constant<Step>(() => service.app.store.updateProgress({ assessmentId: 'open', progress: 0 }, actor)) },
);

async function turned(turns: number): Promise<void> {
  for (let number = 0; number < turns; number++) await turn();
}

/** What the first message for an operation was; undefined while there is none. */
const answerTo = ({ texts }: BareSocket, id: string): string | undefined =>
  texts.map((text) => JSON.parse(text) as { id?: string; type: string }).find((message) => message.id === id)?.type;

/** A socket that was let in; undefined where it was closed instead. */
async function admitted(): Promise<BareSocket | undefined> {
  const bare = await openBareSocket(service.url);
  bare.say({ type: 'connection_init' });
  return Promise.race([bare.heard('connection_ack').then(() => bare), bare.closed.then(() => undefined)]);
}

let begun = 0;

/** Begins an operation; gives its id where it was taken, or the socket is closed. */
async function begins(bare: BareSocket): Promise<string | undefined> {
  const id = `own-${begun++}`;
  bare.say({ id, type: 'subscribe', payload: { query: updated } });
  return (await eventually('an answer', () => (isOpen(bare) ? answerTo(bare, id) : 'next'))) === 'next' ? id : undefined;
}

/** Fills a socket with operations, each as soon as there is room for it; gives their ids. */
async function fill(bare: BareSocket): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < most.operations) taken.push(await eventually(`operation ${taken.length} finds room`, () => begins(bare)));
  return taken;
}

/** On each socket that is still open there is room for as many operations as on a new one, when all have been completed. */
async function everyPlaceIsFreeOn(sockets: readonly BareSocket[]): Promise<void> {
  for (const bare of sockets) for (const id of ids) bare.say({ id, type: 'complete' });
  for (const bare of sockets) await everyPlaceIsFree(bare);
}

async function everyPlaceIsFree(bare: BareSocket): Promise<void> {
  for (const id of await fill(bare)) bare.say({ id, type: 'complete' });
}

/** Takes every place that there may be, finds that there are no more, and gives them back. */
async function everyPlaceOfAllIsFree(): Promise<void> {
  const full: BareSocket[] = [];
  while (full.length < most.sockets) full.push(await eventually('there is room for a socket', admitted));
  const [one, two] = full as [BareSocket, BareSocket, BareSocket];
  await fill(one);
  expect(await begins(two)).toBeUndefined();
  expect(two.texts.at(-1)).toContain('"limit":"subject"');
  expect(await admitted()).toBeUndefined();
  for (const { socket } of full) socket.close();
  await Promise.all(full.map(({ closed }) => closed));
  await nothingRuns();
}

const isOpen = ({ socket }: BareSocket): boolean => socket.readyState === socket.OPEN;
const isAck = (text: string): boolean => text === '{"type":"connection_ack"}';
const nothingRuns = () => eventually('nothing runs any more', () => service.app.store.watching === 0 && service.app.store.feeding === 0);

test('whatever clients do on their sockets, every place that they took is given back', async () => {
  const life = fc.record({
    start: fc.array(opening, { minLength: 1, maxLength: 3 }),
    steps: fc.array(step, { minLength: 10, maxLength: 80 }),
  });
  await fc.assert(
    fc.asyncProperty(life, fc.boolean(), async ({ start, steps }, politely) => {
      const sockets: BareSocket[] = [];
      for (const act of [...start, ...steps]) await act(sockets);
      for (const { socket } of sockets) socket.resume();
      await eventually('who may come in has', () =>
        sockets.every((bare) => !isOpen(bare) || !introduced.has(bare) || bare.texts.some(isAck)),
      );
      await everyPlaceIsFreeOn(sockets.filter((bare) => isOpen(bare) && bare.texts.some(isAck)));
      for (const { socket } of sockets) {
        if (politely) socket.close();
        else socket.terminate();
      }
      await Promise.all(sockets.map(({ closed }) => closed));
      await nothingRuns();
      await everyPlaceOfAllIsFree();
    }),
    // Every try of a smaller example would wait for a deadline.
    { numRuns: 100, endOnFailure: true },
  );
  const levels = service.logged.map((line) => (JSON.parse(line) as { level: number }).level);
  expect(levels.filter((level) => level > 30)).toEqual([]);
}, 300_000);
