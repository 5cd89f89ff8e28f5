import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

async function withApp(config: Parameters<typeof startTestApp>[0], use: (service: TestApp) => Promise<void>): Promise<void> {
  const service = await startTestApp(config);
  try {
    await use(service);
  } finally {
    await service.stop();
  }
}

interface Ended {
  waitForAssessment: {
    timedOut: boolean;
    assessment: { state: string; errorMessage: string | null; progress: number; resultData: { [name: string]: unknown } | null };
  };
}

async function checked(service: TestApp, input: Record<string, unknown>): Promise<Ended['waitForAssessment']['assessment']> {
  const assessmentId = String(input['assessmentId']);
  await service.send('mutation ($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename } }', { input });
  const { data } = await service.send<Ended>(
    `query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 20000) {
      ... on WaitForAssessmentPayload { timedOut assessment { state errorMessage progress resultData } } } }`,
    { id: assessmentId },
  );
  return data.waitForAssessment.assessment;
}

describe('with WORKER=true the service does the work by itself', () => {
  test('each type of check, on a real target: the service itself', async () => {
    await withApp({ WORKER: true }, async (service) => {
      const url = new URL('/health/ready', service.url).href;
      for (const type of ['HEALTH', 'SECURITY', 'COMPLIANCE']) {
        const ended = await checked(service, { assessmentId: type, type, metadata: { url } });
        expect(ended, JSON.stringify(ended)).toMatchObject({ state: 'COMPLETED', progress: 100 });
        expect(ended.resultData).toMatchObject({ type });
      }
    });
  });

  test('a target outside the allow-list is refused for good, with the reason', async () => {
    await withApp({ WORKER: true }, async (service) => {
      const ended = await checked(service, { assessmentId: 'far', type: 'HEALTH', maxRetries: 3, metadata: { url: 'http://192.0.2.1/' } });
      expect(ended).toMatchObject({ state: 'FAILED', errorMessage: expect.stringContaining('192.0.2.1') });
    });
  });

  test('of the tenants that it names, each with places of its own', async () => {
    await withApp({ WORKER: true, WORKER_TENANTS: ['busy', 'small'], WORKER_CONCURRENCY: 1 }, async (service) => {
      const { store } = service.app;
      const create = (tenantId: string, assessmentId: string, url: string) =>
        store.createAssessment({ assessmentId, type: 'HEALTH', metadata: { url } }, { tenantId, subject: 'x' });
      // A server that takes connections and says nothing keeps the only place of one tenant for as long as a check may take.
      const silent = createServer();
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as AddressInfo;
      await create('busy', 'slow', `http://127.0.0.1:${port}/`);
      await once(silent, 'connection');
      await create('busy', 'next', new URL('/health/live', service.url).href);
      await create('unnamed', 'left', new URL('/health/live', service.url).href);
      await create('small', 'served', new URL('/health/live', service.url).href);
      const wait = { assessmentId: 'served', timeoutMs: 20_000 };
      expect(await store.waitForCompletion(wait, { tenantId: 'small', subject: 'x' })).toMatchObject({
        assessment: { state: 'COMPLETED' },
      });
      expect(await store.queueStatus({ tenantId: 'busy', subject: 'x' })).toMatchObject({ ready: 1, processing: 1 });
      expect(await store.queueStatus({ tenantId: 'unnamed', subject: 'x' })).toMatchObject({ ready: 1, processing: 0 });
      await store.cancelAssessment({ assessmentId: 'slow' }, { tenantId: 'busy', subject: 'x' });
      silent.close();
    });
  });

  test('without it nobody takes anything', async () => {
    await withApp({}, async (service) => {
      await service.send('mutation { createAssessment(input: { assessmentId: "alone", type: HEALTH, metadata: {} }) { __typename } }');
      const { data } = await service.send<Ended>(
        '{ waitForAssessment(assessmentId: "alone", timeoutMs: 300) { ... on WaitForAssessmentPayload { timedOut assessment { state } } } }',
      );
      expect(data.waitForAssessment).toMatchObject({ timedOut: true, assessment: { state: 'PENDING' } });
    });
  });
});

describe('a configuration of checks that is wrong ends the start, and names the variable', () => {
  test.each([
    ['CHECK_TARGETS', { CHECK_TARGETS: '127.0.0.0/99' }],
    ['CHECK_RULES', { CHECK_RULES: '/nowhere/rules.yaml' }],
  ])('%s', async (variable, config) => {
    await expect(startTestApp({ WORKER: true, ...config })).rejects.toMatchObject({
      failure: 'CONFIG_INVALID',
      message: expect.stringContaining(`${variable}:`),
    });
  });

  test('a rule without a name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rules-'));
    const path = join(folder, 'rules.yaml');
    await writeFile(path, 'name: mine\nrules:\n  - severity: high\n');
    await expect(startTestApp({ WORKER: true, CHECK_RULES: path })).rejects.toMatchObject({ message: expect.stringContaining(path) });
    await rm(folder, { recursive: true });
  });
});
