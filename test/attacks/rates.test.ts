import { Redis } from 'ioredis';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config.ts';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { authorizationOf, withTokens } from '../support/tokens.ts';
import { type Reply, transports } from '../support/transports.ts';

const limited: Partial<Config> = { ...withTokens, RATE_LIMIT_QUERIES: 5, RATE_LIMIT_MUTATIONS: 3, RATE_LIMIT_SUBSCRIPTIONS: 2 };
const query = { query: '{ __typename }' };
const mutation = { query: 'mutation { cancelAssessment(input: { assessmentId: "nowhere" }) { __typename } }' };
const subscription = { query: 'subscription { assessmentUpdated(assessmentId: "there") { kind } }' };

const services: TestApp[] = [];
const start = async (...args: Parameters<typeof startTestApp>): Promise<TestApp> => {
  const service = await startTestApp(...args);
  services.push(service);
  return service;
};
async function stopAll(): Promise<void> {
  for (const service of services.splice(0)) await service.stop();
}
afterEach(stopAll);

let ada: { authorization: string };
let bob: { authorization: string };
let elsewhere: { authorization: string };
beforeAll(async () => {
  [ada, bob, elsewhere] = await Promise.all([
    authorizationOf({ sub: 'ada' }),
    authorizationOf({ sub: 'bob' }),
    authorizationOf({ tenant: 'other' }),
  ]);
});

const isRefused = ({ errors }: Reply): boolean => errors?.[0]?.extensions?.['code'] === 'RATE_LIMITED';

function expectRefused({ status, headers, errors, data }: Reply, limit: string, most: number): void {
  expect(data ?? null).toBeNull();
  expect(errors).toEqual([
    {
      message: `Too many ${limit} of this subject: ${most} a minute. Try again later.`,
      extensions: { code: 'RATE_LIMITED', limit, retryAfterMs: expect.any(Number) },
    },
  ]);
  const wait = Number(errors?.[0]?.extensions?.['retryAfterMs']);
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(60_000);
  if (status === undefined) return;
  expect(status).toBe(429);
  expect(headers?.get('retry-after')).toBe(String(Math.ceil(wait / 1_000)));
}

describe.each(Object.entries(transports))('%s', (way, send) => {
  test('each kind has a rate of its own, for each subject of each tenant', async () => {
    const { url } = await start(limited);
    for (let number = 0; number < 5; number++) expect(isRefused(await send(url, query, ada))).toBe(false);
    for (let number = 0; number < 3; number++) expectRefused(await send(url, query, ada), 'queries', 5);
    for (let number = 0; number < 3; number++) expect(isRefused(await send(url, mutation, ada))).toBe(false);
    expectRefused(await send(url, mutation, ada), 'mutations', 3);
    if (way !== 'over HTTP') {
      for (let number = 0; number < 2; number++) expect(isRefused(await send(url, subscription, ada))).toBe(false);
      expectRefused(await send(url, subscription, ada), 'subscriptions', 2);
    }
    expect(isRefused(await send(url, query, bob))).toBe(false);
    expect(isRefused(await send(url, query, elsewhere))).toBe(false);
  });

  test('what is refused for another reason counts as a query', async () => {
    const { url } = await start(limited);
    for (const bad of ['{', '{ a }', '{ a }', `{ ${'a '.repeat(30_000)} }`, '{ nothing }'])
      expect(isRefused(await send(url, { query: bad }, ada))).toBe(false);
    expectRefused(await send(url, { query: '{ a' }, ada), 'queries', 5);
    expectRefused(await send(url, query, ada), 'queries', 5);
  });
});

test('all ways in count together, and one socket is no more than another', async () => {
  const { url } = await start(limited);
  const ways = Object.values(transports);
  const replies: Reply[] = [];
  for (let number = 0; number < 9; number++) replies.push((await ways[number % 3]?.(url, query, ada)) ?? {});
  expect(replies.map(isRefused)).toEqual([false, false, false, false, false, true, true, true, true]);
});

test('a refused operation leaves the others on its socket alone', async () => {
  const { url, app } = await start(limited);
  await app.store.createAssessment({ assessmentId: 'there', type: 'HEALTH' }, { tenantId: 'default', subject: 'ada' });
  const raw = await openRawSocket(url, { headers: ada });
  raw.subscribe('stays', subscription.query);
  await raw.received('stays', 'next');
  for (let number = 0; number < 20; number++) raw.subscribe(String(number), query.query);
  await raw.received('19', 'error');
  expect(raw.messages.filter(({ type }) => type === 'error')).toHaveLength(15);
  await app.store.cancelAssessment({ assessmentId: 'there' }, { tenantId: 'default', subject: 'ada' });
  await raw.received('stays', 'complete');
  raw.socket.close();
  await raw.closed;
});

test('without rates there is no limit, and nobody is counted', async () => {
  const service = await start();
  for (let number = 0; number < 500; number++) expect((await service.send(query.query)).status).toBe(200);
});

describe.skipIf(noOwnRedis)('with Redis', () => {
  const most = 50;
  let redis: OwnRedis;
  let database: TestDatabase;
  let one: TestApp;
  let two: TestApp;
  beforeEach(async () => {
    redis = await startOwnRedis();
    database = await createTestDatabase();
    const shared = { ...limited, RATE_LIMIT_MUTATIONS: most, REDIS_URL: redis.url };
    one = await start(shared, database);
    two = await start(shared, database);
  });
  afterEach(async () => {
    await stopAll();
    await redis.kill();
    await database.drop();
  });

  const send = async ({ url }: TestApp): Promise<Reply> => (await transports['over HTTP']?.(url, mutation, ada)) ?? {};
  /** Sends so many, and gives how many of them were refused; each of the others has to be done. */
  async function refusedOf(service: TestApp, count: number): Promise<number> {
    const replies = await Promise.all(Array.from({ length: count }, () => send(service)));
    for (const reply of replies) if (!isRefused(reply)) expect(reply.data).toEqual({ cancelAssessment: { __typename: 'NotFoundError' } });
    return replies.filter(isRefused).length;
  }

  async function countInRedis(): Promise<number> {
    const reader = new Redis(redis.url);
    try {
      const [key = ''] = await reader.keys('*:rate:mutation:*');
      return Number(await reader.get(key));
    } finally {
      reader.disconnect();
    }
  }

  test('instances count together', async () => {
    expect(await refusedOf(one, most)).toBe(0);
    await eventually('the other has heard of it', async () => isRefused(await send(two)));
    expect(await refusedOf(one, 10)).toBe(10);
  });

  test('while it is away, each counts for itself, and nothing fails; when it is back, they count together again', async () => {
    expect(await refusedOf(one, 5)).toBe(0);
    await redis.kill();
    expect(await refusedOf(one, most)).toBe(5);
    expect(await refusedOf(two, 20)).toBe(0);
    await redis.start();
    await eventually('both have told what they counted meanwhile', async () => (await countInRedis()) >= most + 15);
    let done = 0;
    await eventually('they know of each other', async () => {
      const isOver = isRefused(await send(two));
      if (!isOver) done += 1;
      return isOver;
    });
    expect(done).toBeLessThan(most - 20);
  });

  test('while it hangs, nobody waits for it', async () => {
    expect(await refusedOf(one, 5)).toBe(0);
    redis.signal('SIGSTOP');
    expect(await refusedOf(one, most)).toBe(5);
    expect(await refusedOf(two, most + 10)).toBeGreaterThanOrEqual(10);
    redis.signal('SIGCONT');
  });
});
