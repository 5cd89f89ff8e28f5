import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { createTestDatabase } from '../support/test-database.ts';
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
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

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

describe.skipIf(process.env['REDIS_URL'] === undefined)('with Redis', () => {
  const refusedBy = async ({ url }: TestApp): Promise<boolean> => isRefused((await transports['over HTTP']?.(url, mutation, ada)) ?? {});

  test('instances count together', async () => {
    const database = await createTestDatabase();
    const shared = { ...limited, RATE_LIMIT_MUTATIONS: 50, REDIS_URL: process.env['REDIS_URL'] };
    const [one, two] = [await start(shared, database), await start(shared, database)];
    try {
      for (let number = 0; number < 50; number++) expect(await refusedBy(one)).toBe(false);
      await eventually('the other has heard of it', () => refusedBy(two));
      expect(await refusedBy(one)).toBe(true);
    } finally {
      for (const service of services.splice(0)) await service.stop();
      await database.drop();
    }
  });

  test('while it is away, each counts for itself, and nothing else is refused', async () => {
    const service = await start({ ...limited, REDIS_URL: 'redis://127.0.0.1:1' });
    for (let number = 0; number < 3; number++) expect(await refusedBy(service)).toBe(false);
    expect(await refusedBy(service)).toBe(true);
  });
});
