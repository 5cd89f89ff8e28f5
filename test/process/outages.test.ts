import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OwnPostgres } from '../faults/own-postgres.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { endServices, type ServiceProcess, sendTo, startService } from '../support/service-process.ts';
import { SteadyLoad } from './steady-load.ts';

/** How long each server is away. */
const outageMs = 5_000;
const statementTimeoutMs = 1_500;
/** A statement may take so long, its answer a little longer, and a busy machine has its share. */
const longestMs = statementTimeoutMs + 2_000 + 6_000;

describe.skipIf(noOwnRedis)('two services under load, whose servers go away and come back', () => {
  let folder: string;
  let postgres: OwnPostgres;
  let redis: OwnRedis;
  let services: ServiceProcess[];
  let urls: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assessment-store-outages-'));
    await chmod(folder, 0o711);
    [postgres, redis] = await Promise.all([OwnPostgres.start(folder), startOwnRedis()]);
    const environment = {
      ...{ DATABASE_URL: postgres.url, REDIS_URL: redis.url, STATEMENT_TIMEOUT_MS: String(statementTimeoutMs) },
      ...{ RECONCILE_MS: '500', ADMISSION_PATIENCE_MS: '60000', DRAIN_MS: '0' },
    };
    services = [startService(environment), startService(environment)];
    urls = await Promise.all(services.map((service) => service.ready()));
    await eventually('all is well', async () => (await readiness()).every((status) => status === 'HEALTHY'));
  }, 60_000);
  afterAll(async () => {
    await endServices();
    await redis.kill();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const readinessOf = async (url: string): Promise<string> => {
    const response = await fetch(url.replace(/graphql$/, 'health/ready'));
    const { status } = (await response.json()) as { status: string };
    expect(response.status).toBe(status === 'UNHEALTHY' ? 503 : 200);
    return status;
  };
  const readiness = () => Promise.all(urls.map(readinessOf));
  const all = (status: string) => eventually(`both are ${status}`, async () => (await readiness()).every((one) => one === status), 20_000);
  const url = (number: number): string => urls[number % 2] ?? '';

  /** Begins to wait, at both services; each is answered when its assessment has ended. */
  async function beginToWait(name: string): Promise<{ ids: string[]; answers: Promise<unknown>[] }> {
    const ids = Array.from({ length: 20 }, (_, number) => `${name}-${number}`);
    for (const id of ids)
      await sendTo(url(0), 'mutation ($id: String!) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { __typename } }', {
        id,
      });
    const wait =
      'query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 100000) { ... on WaitForAssessmentPayload { timedOut assessment { state } } } }';
    return { ids, answers: ids.map((id, number) => sendTo(url(number), wait, { id })) };
  }

  async function expectEnds({ ids, answers }: Awaited<ReturnType<typeof beginToWait>>): Promise<void> {
    for (const id of ids)
      await sendTo(url(0), 'mutation ($id: String!) { cancelAssessment(input: { assessmentId: $id }) { __typename } }', { id });
    for (const answer of await Promise.all(answers))
      expect(answer).toEqual({ data: { waitForAssessment: { timedOut: false, assessment: { state: 'CANCELLED' } } } });
  }

  async function expectKept(created: readonly string[], completed: readonly string[]): Promise<void> {
    const client = new pg.Client(postgres.url);
    await client.connect();
    try {
      const count = async (ids: readonly string[], states: string[]): Promise<number> => {
        const text =
          'select count(*)::int as count from assessment_states where assessment_id = any($1) and state = any($2::text[]::assessment_state[])';
        return (await client.query(text, [ids, states])).rows[0].count;
      };
      expect(await count(created, ['pending', 'processing', 'completed'])).toBe(created.length);
      expect(await count(completed, ['completed'])).toBe(completed.length);
      expect(await findAuditFlaws(client)).toEqual([]);
    } finally {
      await client.end();
    }
  }

  const expectAlive = (): void => {
    for (const { printed } of services) expect(printed().err).toBe('');
  };

  test('Redis: no command fails, waits go on, and both say that they are DEGRADED while it is away', { timeout: 90_000 }, async () => {
    const waits = await beginToWait('without-redis');
    const load = new SteadyLoad(urls, 8);
    await eventually('there is load', () => load.report.completed.length > 20);
    await redis.kill();
    await all('DEGRADED');
    const before = load.report.completed.length;
    await sleep(outageMs);
    expect(load.report.completed.length).toBeGreaterThan(before);
    await redis.start();
    await all('HEALTHY');
    const { created, completed, refusals } = await load.stop();
    expect([...refusals]).toEqual([]);
    await expectEnds(waits);
    await expectKept(created, completed);
    expectAlive();
  });

  test('PostgreSQL: they stay up, refuse quickly, say so, heal by themselves, and lose nothing', { timeout: 120_000 }, async () => {
    const waits = await beginToWait('without-postgres');
    const load = new SteadyLoad(urls, 8);
    await eventually('there is load', () => load.report.completed.length > 20);
    await postgres.crash();
    await all('UNHEALTHY');
    await sleep(outageMs);
    expect(await readiness()).toEqual(['UNHEALTHY', 'UNHEALTHY']);
    const live = await Promise.all(urls.map((one) => fetch(one.replace(/graphql$/, 'health/live'))));
    expect(live.map(({ status }) => status)).toEqual([200, 200]);
    const before = load.report.completed.length;
    await postgres.startAgain();
    await all('HEALTHY');
    await eventually('commands succeed again', () => load.report.completed.length > before + 20, 20_000);
    const { created, completed, refusals, longestMs: longest } = await load.stop();
    expect([...refusals.keys()].filter((code) => code !== 'OVERLOADED' && code !== 'TIMEOUT')).toEqual([]);
    expect(refusals.get('OVERLOADED')).toBeGreaterThan(20);
    expect(longest).toBeLessThan(longestMs);
    for (const { printed } of services) {
      const told = [...printed().out.matchAll(/the database (cannot be reached|is back)/g)].map(([, what]) => what);
      expect(told).toEqual(['cannot be reached', 'is back']);
    }
    await expectEnds(waits);
    await expectKept(created, completed);
    expectAlive();
  });
});
