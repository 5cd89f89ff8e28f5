import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { AssessmentStore, ClaimAssessments } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { actor } from '../support/test-store.ts';
import { openTwoStores, type TwoStores } from '../support/two-stores.ts';

const create = (store: AssessmentStore, assessmentId: string, rest: object = {}) =>
  store.createAssessment({ assessmentId, type: 'HEALTH', ...rest }, actor);
const claim = (store: AssessmentStore, input: Partial<ClaimAssessments> = {}) =>
  store.claimAssessments({ workerId: 'w1', waitMs: 20_000, ...input }, actor);
const keysOf = (claims: { assessment: { assessmentId: string } }[]) => claims.map(({ assessment }) => assessment.assessmentId);
const waiting = (store: AssessmentStore, count: number) => eventually(`${count} wait`, () => store.workersWaiting === count);

describe.skipIf(inject('redisUrl') === '')('a claim that waits at one instance', () => {
  let stores: TwoStores;
  beforeAll(async () => {
    stores = await openTwoStores(inject('redisUrl'));
  });
  afterAll(() => stores.close());

  test('is answered when another creates what it can take, and by nothing else', async () => {
    const poll = claim(stores.one, { types: ['SECURITY'] });
    await waiting(stores.one, 1);
    await create(stores.two, 'other type');
    await create(stores.two, 'right type', { type: 'SECURITY' });
    expect(keysOf(await poll)).toEqual(['right type']);
    expect(keysOf(await claim(stores.one))).toEqual(['other type']);
  });

  test('is answered when another releases, when it retries, and when a retry of its comes due', async () => {
    await create(stores.two, 'again', { maxRetries: 2 });
    let [held] = await claim(stores.two);
    const next = async (give: () => Promise<unknown>): Promise<void> => {
      const poll = claim(stores.one);
      await waiting(stores.one, 1);
      await give();
      [held] = await poll;
      expect(held?.assessment.assessmentId).toBe('again');
    };
    const claimToken = () => held?.claimToken ?? '';
    await next(() => stores.two.releaseAssessments({ workerId: 'w1', claimTokens: [claimToken()] }, actor));
    await next(() => stores.two.failAssessment({ assessmentId: 'again', error: 'no', claimToken: claimToken() }, actor));
    await stores.two.failAssessment({ assessmentId: 'again', error: 'no', retryable: false, claimToken: claimToken() }, actor);
    await next(() => stores.two.retryAssessment({ assessmentId: 'again' }, actor));
    await stores.two.cancelAssessment({ assessmentId: 'again' }, actor);
  });

  test('is answered when a lease that another has given runs out, and its retry comes due', async () => {
    await create(stores.two, 'lost', { maxRetries: 1 });
    await claim(stores.two, { leaseMs: 200 });
    const [claimed] = await claim(stores.one, { workerId: 'w2' });
    expect(claimed?.assessment).toMatchObject({ assessmentId: 'lost', claimedBy: 'w2', retryCount: 1 });
    await stores.one.cancelAssessment({ assessmentId: 'lost' }, actor);
  });

  test('is one of 300 at each, for which 300 come from both: each gets one, none is given twice, and nobody is asked in vain for long', async () => {
    const polls = [stores.one, stores.two].flatMap((store, at) =>
      Array.from({ length: 300 }, (_, index) => claim(store, { workerId: `w${at}-${index}`, waitMs: 60_000 })),
    );
    await Promise.all([waiting(stores.one, 300), waiting(stores.two, 300)]);
    stores.statements.length = 0;
    await Promise.all(Array.from({ length: 300 }, (_, index) => create(index % 2 === 0 ? stores.one : stores.two, `first ${index}`)));
    await eventually('300 are served', () => stores.one.workersWaiting + stores.two.workersWaiting === 300, 30_000);
    const count = stores.statements.filter((sql) => sql.includes('claimAssessments')).length;
    await Promise.all(Array.from({ length: 300 }, (_, index) => create(index % 2 === 0 ? stores.one : stores.two, `second ${index}`)));
    const claims = await Promise.all(polls);
    expect(claims.filter((own) => own.length !== 1)).toEqual([]);
    expect(new Set(claims.flatMap(keysOf)).size).toBe(600);
    // Far fewer than a statement for each, although both instances look for the same work.
    expect(count).toBeLessThan(150);
  });
});

describe.skipIf(noOwnRedis)('a claim that waits at one instance while Redis is away', () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await startOwnRedis();
  });
  afterAll(() => redis.kill());

  test('is answered when Redis comes back, with what was created meanwhile', async () => {
    const stores = await openTwoStores(redis.url);
    const polls = [claim(stores.one), claim(stores.one, { workerId: 'w2' })];
    await waiting(stores.one, 2);
    await redis.kill();
    await stores.busesAre('DEGRADED');
    await create(stores.two, 'meanwhile');
    await create(stores.two, 'meanwhile too');
    expect(stores.one.workersWaiting).toBe(2);
    await redis.start();
    expect((await Promise.all(polls)).flatMap(keysOf).sort()).toEqual(['meanwhile', 'meanwhile too']);
    await stores.close();
  });

  test('is answered by the tick when Redis stays away', async () => {
    const stores = await openTwoStores(redis.url, 300);
    await redis.kill();
    await stores.busesAre('DEGRADED');
    const health = () => claim(stores.one, { types: ['HEALTH'] });
    const polls = [health(), claim(stores.one, { types: ['SECURITY'] }), health()];
    await waiting(stores.one, 3);
    for (const [key, type] of Object.entries({ a: 'HEALTH', b: 'SECURITY', c: 'HEALTH' })) await create(stores.two, key, { type });
    expect((await Promise.all(polls)).flatMap(keysOf).sort()).toEqual(['a', 'b', 'c']);
    await stores.close();
  });
});
