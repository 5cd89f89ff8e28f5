import { createClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import WebSocket from 'ws';
import { Identity } from '../../src/auth/identity.ts';
import { allScopes } from '../../src/auth/scopes.ts';
import { createAssessmentClient } from '../../src/client/index.ts';
import { openBareSocket } from '../support/bare-socket.ts';
import { readEventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { authorizationOf, tokenOf, withTokens } from '../support/tokens.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp(withTokens);
});
afterEach(() => eventually('nothing is open', () => service.app.store.watching + service.app.store.feeding === 0));
afterAll(() => service.stop());

const admin = () => authorizationOf({ sub: 'admin' });
const create = async (assessmentId: string): Promise<string> => {
  const document = 'mutation ($id: String) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { __typename } }';
  const { data } = await service.send(document, { id: assessmentId }, await admin());
  expect(data).toEqual({ createAssessment: { __typename: 'CreateAssessmentPayload' } });
  return assessmentId;
};
const cancel = async (assessmentId: string) =>
  service.send(
    'mutation ($id: String!) { cancelAssessment(input: { assessmentId: $id }) { __typename } }',
    { id: assessmentId },
    await admin(),
  );

/** In whole seconds, as tokens say it: in one to two seconds from now. */
const soon = (): number => Math.ceil(Date.now() / 1_000) + 1;
const expired = { message: 'The token has expired.', extensions: { code: 'UNAUTHENTICATED' } };
const feed = 'subscription { assessmentFeed { assessment { assessmentId } } }';
const watch = (id: string) => `subscription { assessmentUpdated(assessmentId: "${id}") { assessment { version } } }`;

describe('when a token expires', () => {
  test('the subscriptions of its socket end, nothing more can be begun on it, and it is closed', async () => {
    const id = await create('expiry-socket');
    const exp = soon();
    const socket = await openRawSocket(service.url, { headers: await authorizationOf({ exp }) });
    socket.subscribe('feed', feed);
    socket.subscribe('watch', watch(id));
    await socket.received('watch', 'next');
    expect(socket.typesOf('feed')).toEqual([]);
    expect(await socket.received('watch', 'error')).toEqual({ type: 'error', id: 'watch', payload: [expired] });
    expect(await socket.received('feed', 'error')).toEqual({ type: 'error', id: 'feed', payload: [expired] });
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000);
    expect(service.app.store.watching + service.app.store.feeding).toBe(0);
    for (const [name, document] of Object.entries({
      query: '{ health { status } }',
      mutation: 'mutation { cancelAssessment(input: { assessmentId: "expiry-socket" }) { __typename } }',
      again: feed,
    })) {
      socket.subscribe(name, document);
      expect(await socket.received(name, 'error')).toEqual({ type: 'error', id: name, payload: [expired] });
    }
    await service.send('mutation { createAssessment(input: { type: HEALTH }) { __typename } }', {}, await admin());
    expect(await socket.closed).toBe(4403);
    for (const name of ['feed', 'watch']) expect(socket.typesOf(name).filter((type) => type === 'error')).toHaveLength(1);
    const { data } = await service.send('{ assessment(assessmentId: "expiry-socket") { state } }', {}, await admin());
    expect(data).toEqual({ assessment: { state: 'PENDING' } });
  });

  test('the others on other sockets and with other tokens go on', async () => {
    const id = await create('expiry-others');
    const [short, long] = [await authorizationOf({ exp: soon() }), await authorizationOf()];
    const [first, second] = await Promise.all([short, long].map((headers) => openRawSocket(service.url, { headers })));
    for (const socket of [first, second]) socket?.subscribe('1', watch(id));
    await first?.received('1', 'error');
    await cancel(id);
    await second?.received('1', 'complete');
    expect(second?.typesOf('1')).toEqual(['next', 'next', 'complete']);
    second?.socket.terminate();
    first?.socket.terminate();
  });

  test('an event stream ends, and says so', async () => {
    const id = await create('expiry-events');
    const exp = soon();
    const response = await fetch(service.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...(await authorizationOf({ exp })) },
      body: JSON.stringify({ query: watch(id) }),
    });
    const stream = readEventStream(response);
    await stream.ended;
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000);
    expect(stream.events.map(({ event, data }) => ({ event, data }))).toEqual([
      { event: 'next', data: { data: { assessmentUpdated: { assessment: { version: 1 } } } } },
      { event: 'next', data: { errors: [expired] } },
      { event: 'complete', data: undefined },
    ]);
  });

  test('it is refused over HTTP, although it was good a moment ago', async () => {
    const headers = await authorizationOf({ exp: soon() });
    expect((await service.send('{ health { status } }', {}, headers)).status).toBe(200);
    await eventually('it is refused', async () => (await service.send('{ health { status } }', {}, headers)).status === 401);
    expect((await service.send('{ health { status } }', {}, headers)).errors).toEqual([expired]);
  });

  test('a command that was taken is answered before its socket is closed', async () => {
    const id = await create('expiry-command');
    const psql = await service.database.connect();
    await psql.query('begin');
    await psql.query('select 1 from assessment_states where assessment_id = $1 for update', [id]);
    const socket = await openRawSocket(service.url, { headers: await authorizationOf({ exp: soon() }) });
    socket.subscribe('feed', feed);
    socket.subscribe('cancel', `mutation { cancelAssessment(input: { assessmentId: "${id}" }) { __typename } }`);
    await socket.received('feed', 'error');
    await psql.query('commit');
    await socket.received('cancel', 'complete');
    expect(socket.typesOf('cancel')).toEqual(['next', 'complete']);
    expect(await socket.closed).toBe(4403);
  });
});

test('within the tolerance of clocks a token still counts, for what it has begun too', async () => {
  const app = await startTestApp({ ...withTokens, AUTH_CLOCK_TOLERANCE_MS: 300_000 }, service.database);
  const socket = await openRawSocket(app.url, { headers: await authorizationOf({ exp: Math.floor(Date.now() / 1_000) - 200 }) });
  socket.subscribe('1', '{ health { status } }');
  await socket.received('1', 'next');
  socket.socket.terminate();
  await app.stop();
});

test('an end that is further away than a timer can run is told of when it comes, once, and not before', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const day = 86_400_000;
  const identity = new Identity({ tenantId: 't', subject: 's', scopes: allScopes }, Date.now() + 100 * day);
  const told: string[] = [];
  identity.whenExpired(() => void told.push('kept'));
  identity.whenExpired(() => void told.push('taken back'))();
  vi.advanceTimersByTime(99 * day);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(2 * day);
  identity.whenExpired(() => void told.push('late'));
  expect(told).toEqual(['kept', 'late']);
});

test('connection_init may carry the token with and without its kind', async () => {
  const token = await tokenOf();
  for (const payload of [{ authorization: `Bearer ${token}` }, { authorization: token }, { Authorization: `bearer ${token}` }]) {
    const { say, heard, socket } = await openBareSocket(service.url);
    say({ type: 'connection_init', payload });
    await heard('connection_ack');
    socket.terminate();
  }
});

describe('with tokens that live for a second or two', () => {
  const shortToken = () => tokenOf({ exp: soon(), sub: 'short' });

  test('our client renews them, and a waiter and a feed lose nothing', async () => {
    let asked = 0;
    const client = createAssessmentClient({
      url: service.url,
      token: () => {
        asked += 1;
        return shortToken();
      },
    });
    const id = await create('renewed');
    const fed: string[] = [];
    const versions: number[] = [];
    const feeding = client.feed({ after: await client.feedCursor() });
    const reading = (async () => {
      for await (const { assessment } of feeding) if (fed.push(assessment.assessmentId) && assessment.state === 'CANCELLED') return;
    })();
    const watching = (async () => {
      for await (const { assessment } of client.watch(id)) versions.push(assessment.version);
    })();
    const waited = client.waitForCompletion({ assessmentId: id, timeoutMs: 60_000 });
    await eventually('all have begun', () => versions.length === 1);
    const created: string[] = [];
    while (asked < 6) created.push(await create(`renewed-${created.length}`));
    await cancel(id);
    await Promise.all([reading, watching]);
    expect(await waited).toMatchObject({ timedOut: false, assessment: { state: 'CANCELLED' } });
    expect(fed).toEqual([...created, id]);
    expect(versions).toEqual([1, 2]);
    await client.close();
  });

  test('a plain client of graphql-ws that comes with another does too', async () => {
    const client = createClient({
      ...{ url: service.url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 5, retryWait: async () => {} },
      connectionParams: async () => ({ authorization: `Bearer ${await shortToken()}` }),
    });
    const id = await create('plain');
    const versions: number[] = [];
    let losses = 0;
    const follow = async (): Promise<void> => {
      const query =
        'subscription ($id: String!, $after: Int) { assessmentUpdated(assessmentId: $id, afterVersion: $after) { assessment { version } } }';
      try {
        for await (const { data } of client.iterate<{ assessmentUpdated: { assessment: { version: number } } }>({
          query,
          variables: { id, after: versions.at(-1) },
        }))
          if (data) versions.push(data.assessmentUpdated.assessment.version);
      } catch (error) {
        expect(error).toMatchObject([expired]);
        losses += 1;
        return follow();
      }
    };
    const following = follow();
    await eventually('it was lost twice', () => losses === 2);
    await cancel(id);
    await following;
    expect(versions).toEqual([1, 2]);
    await client.dispose();
  });

  test('a token that stays expired ends the client with UNAUTHENTICATED, and does not make it knock again and again', async () => {
    const id = await create('stays-expired');
    const token = await shortToken();
    let asked = 0;
    const client = createAssessmentClient({
      url: service.url,
      token: () => {
        asked += 1;
        return token;
      },
    });
    const reading = (async () => {
      for await (const _ of client.watch(id));
    })();
    await expect(reading).rejects.toMatchObject({ name: 'ApiError', code: 'UNAUTHENTICATED' });
    expect(asked).toBe(2);
    await client.close();
    await cancel(id);
  });
});
