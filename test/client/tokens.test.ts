import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/client/index.ts';
import { type FeedUpdateView, UnavailableError, type UpdateView } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await startClientBench();
});
afterEach(async () => {
  await bench.rest();
  bench.front.rules.message = (message) => message;
  await eventually('nothing is open', () => bench.open() === 0);
});
afterAll(() => bench.stop());

/** Tokens that the front takes one after the other, and a callback that gives the one of now. */
function issuer() {
  let [valid, asked] = [1, 0];
  bench.front.rules.admits = (authorization) => authorization === `Bearer token-${valid}`;
  bench.front.authorizations.length = 0;
  return {
    /** How often the callback was asked. */
    asked: () => asked,
    token: () => {
      asked += 1;
      return Promise.resolve(`token-${valid}`);
    },
    /** What was given until now is not taken any more. */
    expire: () => {
      valid += 1;
    },
  };
}

const create = async (): Promise<string> => (await bench.direct().createAssessment({ type: 'HEALTH' })).assessment.assessmentId;

/** Reads to the end in the background. */
function following<Update>(updates: AsyncIterable<Update>): { seen: Update[]; end: Promise<void> } {
  const seen: Update[] = [];
  const end = (async () => {
    for await (const update of updates) seen.push(update);
  })();
  end.catch(() => {});
  return { seen, end };
}

describe('calls', () => {
  test('ask for a token once, and for another when that is not taken any more', async () => {
    const { token, asked, expire } = issuer();
    const client = bench.fronted({ token });
    for (let n = 0; n < 3; n++) await client.getHealthStatus();
    expect(asked()).toBe(1);
    expire();
    for (let n = 0; n < 3; n++) await client.getHealthStatus();
    expect(asked()).toBe(2);
    expect(bench.front.authorizations).toEqual([1, 1, 1, 1, 2, 2, 2].map((n) => `Bearer token-${n}`));
  });

  test('that are refused together ask once', async () => {
    const { token, asked, expire } = issuer();
    const client = bench.fronted({ token });
    await client.getHealthStatus();
    expire();
    await Promise.all(Array.from({ length: 50 }, () => client.getHealthStatus()));
    expect(asked()).toBe(2);
  });

  test('are renewed also where they change something, and are done once', async () => {
    const { token, expire } = issuer();
    const client = bench.fronted({ token });
    await client.getHealthStatus();
    expire();
    const { assessment } = await client.createAssessment({ type: 'HEALTH' });
    expire();
    expect(await client.startProcessing(assessment)).toMatchObject({ version: 2 });
  });

  test('end with an ApiError when the new token is refused as well', async () => {
    const { token, asked } = issuer();
    bench.front.rules.admits = () => false;
    const error = await refusalOf(bench.fronted({ token }).getHealthStatus());
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(asked()).toBe(2);
  });

  test('with a token that is a text are refused at once', async () => {
    issuer();
    const client = bench.fronted({ token: 'token-0' });
    expect(await refusalOf(client.getHealthStatus())).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(bench.front.authorizations).toEqual(['Bearer token-0']);
  });

  test('throw what the callback throws, and ask it again the next time', async () => {
    const { token } = issuer();
    const failures = [new Error('the issuer is away')];
    const client = bench.fronted({
      token: () => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return token();
      },
    });
    expect(await refusalOf(client.getHealthStatus())).toEqual(new Error('the issuer is away'));
    expect(await client.getHealthStatus()).toMatchObject({ status: 'HEALTHY' });
  });

  test('do not wait for a token longer than they may take', async () => {
    const client = bench.fronted({ token: () => new Promise(() => {}), timeoutMs: 60 });
    const error = await refusalOf(client.getHealthStatus());
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringMatching(/no token/) });
  });

  test('show no token in what they throw', async () => {
    const error = await refusalOf(bench.fronted({ token: () => 'secret\nsecret' }).getHealthStatus());
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).not.toContain('secret');
  });
});

describe('sockets', () => {
  test('are opened each with a new token', async () => {
    const { token, expire } = issuer();
    const assessmentId = await create();
    const { seen, end } = following<UpdateView>(bench.fronted({ token }).watch(assessmentId));
    await eventually('the first is there', () => seen.length === 1);
    expire();
    bench.front.closeSockets();
    await eventually('it is open again', () => bench.open() === 1);
    await bench.direct().cancelAssessment({ assessmentId });
    await end;
    expect(bench.front.authorizations).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test.each([
    ['closes the socket by 4401', () => bench.front.closeSockets(4401, 'Unauthorized')],
    [
      'refuses a subscription',
      () => {
        for (const socket of bench.front.sockets)
          socket.send(
            JSON.stringify({ type: 'error', id: '1', payload: [{ message: 'expired', extensions: { code: 'UNAUTHENTICATED' } }] }),
          );
      },
    ],
    [
      'answers with an error',
      () => {
        const payload = { data: null, errors: [{ message: 'expired', extensions: { code: 'UNAUTHENTICATED' } }] };
        for (const socket of bench.front.sockets) socket.send(JSON.stringify({ type: 'next', id: '1', payload }));
      },
    ],
  ])('are opened anew when the token has expired and the service %s', async (_, refuse) => {
    const { token, asked, expire } = issuer();
    const client = bench.fronted({ token });
    const ids = await Promise.all([create(), create(), create()]);
    const watches = ids.map((assessmentId) => following<UpdateView>(client.watch(assessmentId)));
    await eventually('all have begun', () => watches.every(({ seen }) => seen.length === 1));
    expire();
    const before = bench.front.opened.length;
    refuse();
    await eventually('another is open', () => bench.front.opened.length === before + 1 && bench.open() === 3);
    await Promise.all(ids.map((assessmentId) => bench.direct().cancelAssessment({ assessmentId })));
    await Promise.all(watches.map(({ end }) => end));
    expect(watches.map(({ seen }) => seen.map(({ assessment }) => assessment.version))).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(asked()).toBe(2);
  });

  test('with a feed on them lose nothing by that', async () => {
    const { token, expire } = issuer();
    const feed = bench.fronted({ token }).feed({ after: await bench.direct().feedCursor() });
    const seen: FeedUpdateView[] = [];
    for (let n = 0; n < 4; n++) {
      await create();
      seen.push((await feed.next()).value as FeedUpdateView);
      expire();
      bench.front.closeSockets(4401);
    }
    await feed.return?.();
    expect(new Set(seen.map(({ assessment }) => assessment.assessmentId)).size).toBe(4);
  });

  test('are not opened again and again when the new token is refused as well', async () => {
    const { token, asked } = issuer();
    bench.front.rules.admits = () => false;
    const before = bench.front.opened.length;
    const error = await refusalOf(bench.fronted({ token }).watch('x').next());
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect({ asked: asked(), opened: bench.front.opened.length - before }).toEqual({ asked: 2, opened: 2 });
  });

  test('nor for a subscription that is refused with every token', async () => {
    const { token, asked } = issuer();
    const before = bench.front.opened.length;
    bench.front.rules.message = (message) =>
      message.includes('"next"')
        ? JSON.stringify({ type: 'error', id: '1', payload: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] })
        : message;
    expect(
      await refusalOf(
        bench
          .fronted({ token })
          .watch(await create())
          .next(),
      ),
    ).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect({ asked: asked(), opened: bench.front.opened.length - before }).toEqual({ asked: 2, opened: 2 });
  });

  test('give what the callback throws to whoever reads', async () => {
    const client = bench.fronted({
      token: () => {
        throw new Error('the issuer is away');
      },
    });
    expect(await refusalOf(client.watch('x').next())).toEqual(new Error('the issuer is away'));
  });

  test('whose token does not come are given up in time', async () => {
    const client = bench.fronted({ token: () => new Promise(() => {}), connectTimeoutMs: 30, connectAttempts: 2 });
    expect(await refusalOf(client.watch('x').next())).toMatchObject({ code: 'TIMEOUT' });
  });
});
