import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AssessmentClient } from '../../src/client/assessment-client.ts';
import { ClosedError } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { type ClientBench, closedUrl, startClientBench } from './client-bench.ts';

let bench: ClientBench;
/** Takes connections and says nothing. */
let silent: Server;
/** Those of its connections on which something was asked; fetch may open another one for what may come next. */
const asked = new Set<Socket>();
let silentUrl: string;
beforeAll(async () => {
  bench = await startClientBench();
  silent = createServer((socket) => {
    socket.on('error', () => {}); // a client that goes away in the middle
    socket.once('data', () => asked.add(socket));
    socket.once('close', () => asked.delete(socket));
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  silentUrl = `http://127.0.0.1:${(silent.address() as { port: number }).port}/graphql`;
});
afterEach(async () => {
  await bench.rest();
  await eventually('nothing is open', () => bench.open() === 0 && bench.front.sockets.size === 0 && asked.size === 0);
});
afterAll(async () => {
  await bench.stop();
  silent.close();
});

const create = async (): Promise<string> => (await bench.direct().createAssessment({ type: 'HEALTH' })).assessment.assessmentId;

/** A client that has come as far as the phase, with what waits there. */
type Reached = { client: AssessmentClient; waiting: (signal: AbortSignal) => Promise<unknown>; reached: () => unknown };
const never = new Promise<string>(() => {});
const phases: [string, () => Promise<Reached>][] = [
  [
    'a call waits for its token',
    async () => {
      let calls = 0;
      const client = bench.fronted({
        token: () => {
          calls += 1;
          return never;
        },
      });
      return { client, waiting: (signal) => client.getState('x', signal), reached: () => calls > 0 };
    },
  ],
  [
    'a call waits for its answer',
    async () => {
      const client = bench.clientOf(silentUrl)();
      return { client, waiting: (signal) => client.getState('x', signal), reached: () => asked.size === 1 };
    },
  ],
  [
    'a call waits to be repeated',
    async () => {
      let tries = 0;
      bench.front.rules.request = () => {
        tries += 1;
        return false;
      };
      const client = bench.fronted({ retryBaseMs: 86_400_000, retryCapMs: 86_400_000, timeoutMs: 86_400_000 });
      return { client, waiting: (signal) => client.getState('x', signal), reached: () => tries > 0 };
    },
  ],
  [
    'a claim waits for work',
    async () => {
      const client = bench.direct();
      return {
        client,
        waiting: (signal) => client.claimAssessments({ workerId: 'w', types: ['SECURITY'], waitMs: 60_000 }, signal),
        reached: () => bench.app().app.store.workersWaiting === 1,
      };
    },
  ],
  [
    'a socket waits for its token',
    async () => {
      const client = bench.fronted({ token: () => never });
      return { client, waiting: (signal) => client.watch('x', signal).next(), reached: () => bench.front.sockets.size === 1 };
    },
  ],
  [
    'a socket is being opened',
    async () => {
      const client = bench.clientOf(silentUrl)();
      return { client, waiting: (signal) => client.watch('x', signal).next(), reached: () => asked.size === 1 };
    },
  ],
  [
    'a socket is let in',
    async () => {
      bench.front.rules.message = () => undefined;
      const client = bench.fronted();
      return { client, waiting: (signal) => client.watch('x', signal).next(), reached: () => bench.front.sockets.size === 1 };
    },
  ],
  [
    'a socket waits to be opened again',
    async () => {
      const client = bench.fronted({ retryBaseMs: 86_400_000, retryCapMs: 86_400_000 });
      const updates = client.watch(await create());
      await updates.next();
      const next = updates.next();
      next.catch(() => {}); // closed in the end
      bench.front.closeSockets();
      // This one waits together with the first.
      const waiting = (signal: AbortSignal) => client.watch('x', signal).next();
      return { client, waiting, reached: () => bench.front.sockets.size === 0 && bench.open() === 0 };
    },
  ],
  [
    'a feed waits for where it begins',
    async () => {
      const client = bench.clientOf(silentUrl)();
      return { client, waiting: (signal) => client.feed({}, signal).next(), reached: () => asked.size === 1 };
    },
  ],
  [
    'a feed waits for changes',
    async () => {
      const client = bench.direct();
      return { client, waiting: (signal) => client.feed({}, signal).next(), reached: () => bench.open() === 1 };
    },
  ],
  [
    'a subscription waits to be tried again',
    async () => {
      const refusal = { message: 'later', extensions: { code: 'OVERLOADED', retryAfterMs: 86_400_000 } };
      let refused = 0;
      bench.front.rules.message = (message) => {
        if (!message.includes('"next"')) return message;
        refused += 1;
        return JSON.stringify({ type: 'error', id: '1', payload: [refusal] });
      };
      const client = bench.fronted();
      const assessmentId = await create();
      return { client, waiting: (signal) => client.watch(assessmentId, signal).next(), reached: () => refused === 1 };
    },
  ],
  [
    'a wait for completion waits',
    async () => {
      const client = bench.direct();
      const assessmentId = await create();
      return {
        client,
        waiting: (signal) => client.waitForCompletion({ assessmentId, timeoutMs: 86_400_000 }, signal),
        reached: () => bench.open() === 1,
      };
    },
  ],
];

describe.each(phases)('while %s', (_, begin) => {
  afterEach(() => {
    bench.front.rules.request = () => true;
    bench.front.rules.message = (message) => message;
  });

  test('a signal breaks it off, with its reason, and nothing is left open', async () => {
    const { waiting, reached } = await begin();
    const controller = new AbortController();
    const outcome = refusalOf(waiting(controller.signal));
    await eventually('it is reached', reached);
    controller.abort(new Error('enough'));
    expect(await outcome).toEqual(new Error('enough'));
    await eventually('what it had opened is closed', () => bench.open() === 0 && bench.front.sockets.size === 0 && asked.size === 0);
  });

  test('close() breaks it off, and nothing is left open', async () => {
    const { client, waiting, reached } = await begin();
    const outcome = refusalOf(waiting(new AbortController().signal));
    await eventually('it is reached', reached);
    await client.close();
    expect(await outcome).toBeInstanceOf(ClosedError);
  });
});

test('close() before anything was asked, and after an address where nothing listens', async () => {
  const client = bench.clientOf(await closedUrl())({ retryBaseMs: 86_400_000, retryCapMs: 86_400_000 });
  await client.close();
  const other = bench.clientOf(await closedUrl())({ retryBaseMs: 86_400_000, retryCapMs: 86_400_000 });
  const outcome = refusalOf(other.watch('x').next());
  await other.close();
  expect(await outcome).toBeInstanceOf(ClosedError);
});
