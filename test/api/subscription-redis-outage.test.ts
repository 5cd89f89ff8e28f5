import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis, type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

const reconcileMs = 2_000;
const count = 500;

describe.skipIf(noOwnRedis)('Redis killed and started again in the middle of 500 waits at two services', () => {
  let redis: OwnRedis;
  let services: [TestApp, TestApp];
  let sockets: [Client, Client];
  beforeAll(async () => {
    redis = await startOwnRedis();
    const config = { REDIS_URL: redis.url, RECONCILE_MS: reconcileMs };
    const first = await startTestApp(config);
    services = [first, await startTestApp(config, first.database)];
    sockets = [services[0].connect(), services[1].connect()];
    await eventually('both buses are up', () => health('HEALTHY'));
  });
  afterAll(async () => {
    await services[1].stop();
    await services[0].stop();
    await redis.kill();
  });

  const health = async (status: string) =>
    (await Promise.all(services.map(({ app }) => app.store.getHealthStatus()))).every((answer) => answer.status === status);

  const command = async (service: TestApp, mutation: string): Promise<void> => {
    const { data } = await service.send<Record<string, { __typename: string }>>(`mutation { ${mutation} { __typename } }`);
    expect(Object.values(data)[0]?.__typename).toMatch(/Payload$/);
  };

  /** When the end was learnt of, by a wait over HTTP or by a subscription. */
  async function learntOf(id: string, number: number): Promise<number> {
    const place = number % 2 === 0 ? 0 : 1;
    if (number % 4 < 2) {
      const query = `{ waitForAssessment(assessmentId: "${id}", timeoutMs: 600000) { ... on WaitForAssessmentPayload { timedOut assessment { state } } } }`;
      const { data } = await services[place].send(query);
      expect(data).toEqual({ waitForAssessment: { timedOut: false, assessment: { state: 'COMPLETED' } } });
      return performance.now();
    }
    let state: string | undefined;
    const query = `subscription { assessmentUpdated(assessmentId: "${id}") { assessment { state } } }`;
    for await (const { data } of sockets[place].iterate<{ assessmentUpdated: { assessment: { state: string } } }>({ query }))
      state = data?.assessmentUpdated.assessment.state;
    expect(state).toBe('COMPLETED');
    return performance.now();
  }

  test('all resolve, none later than the reconcile tick plus a second, and every command of the outage succeeds', async () => {
    const ids = Array.from({ length: count }, (_, number) => `wait-${number}`);
    await Promise.all(ids.map((id) => command(services[0], `createAssessment(input: { assessmentId: "${id}", type: HEALTH })`)));
    await Promise.all(ids.map((id) => command(services[1], `startProcessing(input: { assessmentId: "${id}" })`)));
    const learnt = ids.map(learntOf);
    await eventually('all wait', () => services[0].app.store.watching + services[1].app.store.watching === count);

    const completed: number[] = [];
    /** Each is completed at the service where nobody waits for it. */
    const complete = async (from: number, to: number): Promise<void> => {
      await Promise.all(
        ids.slice(from, to).map(async (id, index) => {
          const number = from + index;
          await command(
            services[number % 2 === 0 ? 1 : 0],
            `completeAssessment(input: { assessmentId: "${id}", result: { number: ${number} } })`,
          );
          completed[number] = performance.now();
        }),
      );
    };
    await complete(0, 50);
    const [, killed] = [complete(50, 150), redis.kill()];
    await killed;
    await eventually('both have noticed', () => health('DEGRADED'));
    const during = performance.now();
    await complete(150, 300);
    const restarted = redis.start();
    const around = complete(300, 400);
    await restarted;
    await eventually('both buses are up again', () => health('HEALTHY'));
    await around;
    await complete(400, count);

    const lateness = (await Promise.all(learnt)).map((at, number) => at - (completed[number] ?? Number.NaN));
    expect(Math.max(...lateness)).toBeLessThan(reconcileMs + 1_000);
    expect(Math.max(...lateness.slice(400))).toBeLessThan(reconcileMs);
    expect(during).toBeLessThan(Math.min(...completed.slice(150, 300)));
    expect(services.map(({ app }) => app.store.watching)).toEqual([0, 0]);
  });
});
