import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const relayCompiler = join(dirname(createRequire(import.meta.url).resolve('relay-compiler/package.json')), 'cli.js');

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

/** Runs a program in a folder of examples, as its comment says; gives the lines that it printed. It has to end by itself, and without a warning. */
async function run(program: string, args: readonly string[], folder = ''): Promise<string[]> {
  const env = { PATH: process.env['PATH'], API_URL: service.url, FORCE_NO_WATCHMAN: '1' };
  const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: join(examples, folder), env, timeout: 50_000 });
  if (program === process.execPath) expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

const node = (...args: string[]) => run(process.execPath, args);

test('graphql-ws', async () => {
  expect(await node('graphql-ws.mjs')).toEqual([
    'SNAPSHOT: PENDING, 0 %',
    'STARTED: PROCESSING, 0 %',
    'PROGRESS: PROCESSING, 50 %',
    'COMPLETED: COMPLETED, 100 %',
    'the result: { score: 98 }',
    'the service has ended the subscription',
  ]);
});

test('graphql-sse', async () => {
  expect(await node('graphql-sse.mjs')).toEqual([
    'CREATED: PENDING, 0 %',
    'STARTED: PROCESSING, 0 %',
    'PROGRESS: PROCESSING, 50 %',
    'COMPLETED: COMPLETED, 100 %',
    'SNAPSHOT: COMPLETED, 100 %',
    'the service has ended the subscription',
  ]);
});

test('graphql-sse in its single connection mode is refused at once', async () => {
  const client = createClient({ url: service.url, singleConnection: true, retryAttempts: 0 });
  await expect(client.iterate({ query: '{ __typename }' }).next()).rejects.toThrow('405');
  client.dispose();
});

test('Apollo Client; the second time it has a second page', async () => {
  for (const count of [1, 2]) {
    const lines = await node('apollo-client.mjs');
    const isOfCache = (line: string): boolean => line.startsWith('in the cache: ');
    expect(lines.filter((line) => !isOfCache(line))).toEqual([
      'SNAPSHOT: PENDING',
      'STARTED: PROCESSING',
      'PROGRESS: PROCESSING',
      'COMPLETED: COMPLETED',
      'the service has ended the subscription',
      'too late to cancel it: INVALID_TRANSITION',
      `assessments of this server: ${count}`,
    ]);
    expect(lines.findLast(isOfCache)).toBe('in the cache: COMPLETED');
  }
});

test('urql', async () => {
  expect(await node('urql.mjs')).toEqual([
    'SNAPSHOT: PENDING, 0 %',
    'STARTED: PROCESSING, 0 %',
    'PROGRESS: PROCESSING, 50 %',
    'COMPLETED: COMPLETED, 100 %',
    'the service has ended the subscription',
    'the result: { score: 98 } version 4',
  ]);
});

test('Relay: its compiler, a list in two pages, and updates that are in the list at once', async () => {
  await run(relayCompiler, [], 'relay');
  expect(await run(process.execPath, ['main.mjs'], 'relay')).toEqual([
    'assessments of this server: 4',
    'SNAPSHOT: in the list it is PENDING, 0 %',
    'STARTED: in the list it is PROCESSING, 0 %',
    'COMPLETED: in the list it is COMPLETED, 100 %',
    'the service has ended the subscription',
  ]);
});

test('curl', async () => {
  const lines = await run('sh', ['curl.sh']);
  const said = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { data: Record<string, unknown> });
  expect(said.map(({ data }) => data)).toMatchObject([
    { createAssessment: { created: true, assessment: { state: 'PENDING', version: 1 } } },
    { startProcessing: { assessment: { state: 'PROCESSING' } } },
    { updateProgress: { assessment: { progress: 50 } } },
    { completeAssessment: { assessment: { state: 'COMPLETED' } } },
    { waitForAssessment: { timedOut: false, assessment: { state: 'COMPLETED', resultData: { score: 98 } } } },
    { cancelAssessment: { code: 'INVALID_TRANSITION' } },
    { assessment: { auditTrail: { nodes: [{ versionTo: 1 }, { versionTo: 2 }, { versionTo: 3 }, { versionTo: 4 }] } } },
  ]);
  const streams = lines
    .join('\n')
    .split('# go on after')
    .map((text) => [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data)));
  const last = { data: { assessmentUpdated: { assessment: { state: 'COMPLETED', version: 4 } } } };
  expect(streams[0]?.[0]).toMatchObject({ data: { assessmentUpdated: { kind: 'SNAPSHOT' } } });
  expect(streams[0]?.at(-1)).toMatchObject(last);
  expect(streams[1]).toMatchObject([last]);
  expect(lines.filter((line) => line === 'event: complete')).toHaveLength(2);
});

test('examples/README.md names every example', () => {
  const index = readFileSync(join(examples, 'README.md'), 'utf8');
  const files = readdirSync(examples).filter((name) => name !== 'README.md' && name !== 'relay');
  for (const file of [...files, 'relay/main.mjs']) expect(index).toContain(`](${file})`);
});
