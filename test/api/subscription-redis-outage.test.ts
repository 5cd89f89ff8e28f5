import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const reconcileMs = 2_000;
/** What a busy machine may add to the reconcile tick. */
const slackMs = 8_000;
const count = 500;
const waitDocument = `query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 600000) {
  ... on WaitForAssessmentPayload { timedOut assessment { state } } } }`;
const updatedDocument = 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { assessment { state } } }';

interface Updated {
  assessmentUpdated: { assessment: { state: string } };
}

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

  const completeAt = async (service: TestApp, id: string): Promise<void> => {
    const { data } = await service.send<{ completeAssessment: { __typename: string } }>(
      'mutation ($id: String!) { completeAssessment(input: { assessmentId: $id, result: {} }) { __typename } }',
      { id },
    );
    expect(data.completeAssessment.__typename).toBe('CompleteAssessmentPayload');
  };

  /** When the end was learnt of, by a wait over HTTP or by a subscription. */
  async function learntOf(id: string, number: number): Promise<number> {
    const place = number % 2 === 0 ? 0 : 1;
    if (number % 4 < 2) {
      const { data } = await services[place].send(waitDocument, { id });
      expect(data).toEqual({ waitForAssessment: { timedOut: false, assessment: { state: 'COMPLETED' } } });
      return performance.now();
    }
    let state: string | undefined;
    for await (const { data } of sockets[place].iterate<Updated>({ query: updatedDocument, variables: { id } }))
      state = data?.assessmentUpdated.assessment.state;
    expect(state).toBe('COMPLETED');
    return performance.now();
  }

  test('all resolve, with the reconcile tick at the latest, and every command of the outage succeeds', async () => {
    const ids = Array.from({ length: count }, (_, number) => `wait-${number}`);
    const { store } = services[0].app;
    await Promise.all(ids.map((assessmentId) => store.createAssessment({ assessmentId, type: 'HEALTH' }, actor)));
    await Promise.all(ids.map((assessmentId) => store.startProcessing({ assessmentId }, actor)));
    const learnt = ids.map(learntOf);
    await eventually('all wait', () => services[0].app.store.watching + services[1].app.store.watching === count);

    const completed: number[] = [];
    /** Each is completed at the service where nobody waits for it. */
    const complete = async (from: number, to: number): Promise<void> => {
      await Promise.all(
        ids.slice(from, to).map(async (id, index) => {
          const number = from + index;
          await completeAt(services[number % 2 === 0 ? 1 : 0], id);
          completed[number] = performance.now();
        }),
      );
    };
    await complete(0, 50);
    await Promise.all([complete(50, 150), redis.kill()]);
    await eventually('both have noticed', () => health('DEGRADED'));
    await complete(150, 300);
    await Promise.all([complete(300, 400), redis.start()]);
    await eventually('both buses are up again', () => health('HEALTHY'));
    await complete(400, count);

    const lateness = (await Promise.all(learnt)).map((at, number) => at - (completed[number] ?? Number.NaN));
    expect(Math.max(...lateness)).toBeLessThan(reconcileMs + slackMs);
    expect(services.map(({ app }) => app.store.watching)).toEqual([0, 0]);
  });
});
