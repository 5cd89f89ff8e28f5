import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { type Cli, runCli, startCli } from './cli-process.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const urlOf = (cli: Cli): Promise<string> =>
  eventually('the service is ready', () => /the GraphQL API is at (http:\S+)/.exec(cli.printed().out)?.[1], 40_000);

test('serve: configured by a file .env where it is started, used by the other commands and a worker, ended by Ctrl-C', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'assessment-store-serve-'));
  await writeFile(join(cwd, '.env'), `PORT=0\nDATABASE_URL=${database.url}\nDRAIN_MS=0\n`);
  const service = startCli(['serve'], { cwd });
  const url = await urlOf(service);
  const env = { ASSESSMENT_STORE_URL: url };
  const worker = startCli(['worker', '--types', 'health', '--concurrency', '2'], { env: { ...env, CHECK_TARGETS: '127.0.0.1' } });
  const target = JSON.stringify({ url: url.replace('/graphql', '/health/live') });
  const submitted = await runCli(['submit', '--type', 'health', '--id', 'whole-way', '--metadata', target, '--wait'], { env });
  expect(submitted).toMatchObject({ code: 0, out: expect.stringMatching(/^whole-way {2}COMPLETED in .*\n$/) });
  expect(await runCli(['submit', '--type', 'security', '--id', 'not-health', '--quiet'], { env })).toMatchObject({ code: 0 });
  expect((await runCli(['list', '--state', 'pending'], { env })).out).toContain('not-health');

  service.signal('SIGINT');
  const ended = await service.end();
  expect(ended.out).toContain('stopped');
  expect({ code: ended.code, err: ended.err }).toEqual({ code: 0, err: '' });
  await eventually('the worker says that there is no service', () => worker.printed().out.includes('no work could be claimed'));
  worker.signal('SIGTERM');
  const stopped = await worker.end();
  expect(stopped).toMatchObject({ code: 0, err: '', out: expect.stringContaining('does not answer (ECONNREFUSED') });
  expect(stopped.out).not.toMatch(/\n\s+at |node_modules/);
  await rm(cwd, { recursive: true });
});

test('serve: why it cannot start, with the codes of the service', async () => {
  const { code, out, err } = await runCli(['serve'], { env: { PORT: 'front', NODE_ENV: 'production', DATABASE_URL: database.url } });
  expect(err).toMatch(/^AssessmentStore cannot start: The configuration is not valid:\n {2}- PORT must be a whole number/);
  expect({ code, out }).toEqual({ code: 10, out: '' });
});

test('worker: why it cannot start, with the codes of the service; JSON where that is asked for', async () => {
  const wrong = await runCli(['worker', '--targets', 'http://*'], {});
  expect(wrong).toMatchObject({ code: 10, out: '', err: expect.stringContaining('CHECK_TARGETS') });
  const rules = await runCli(['worker', '--rules', '/no/such/file', '--json'], {});
  expect(JSON.parse(rules.err)).toEqual({ error: { message: expect.stringContaining('CHECK_RULES') } });
  expect(rules.code).toBe(10);
});

test('worker: --quiet says nothing while all is well, and Ctrl-C ends it', async () => {
  const service = startCli(['serve'], { env: { PORT: '0', DATABASE_URL: database.url, DRAIN_MS: '0' } });
  const url = await urlOf(service);
  const env = { ASSESSMENT_STORE_URL: url, CHECK_TARGETS: '127.0.0.1' };
  const worker = startCli(['worker', '--quiet', '--lease', '1h'], { env });
  await runCli(['submit', '--type', 'health', '--id', 'quiet', '--metadata', `{"url":"${url}"}`, '--wait'], { env });
  worker.signal('SIGINT');
  expect(await worker.end()).toMatchObject({ code: 0, out: '', err: '' });
  service.signal('SIGTERM');
  expect(await service.end()).toMatchObject({ code: 0 });
});
