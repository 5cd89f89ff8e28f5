import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { actor, type CliBench, startCliBench } from './cli-bench.ts';
import { valuesOf } from './cli-process.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
});
afterAll(() => bench.stop());

const stateOf = (id: string) => bench.service.app.store.getState(id, actor);

test('prints the id alone, which the service has made', async () => {
  const { code, out, err } = await bench.run(['submit', '--type', 'health']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^[0-9a-f-]{36}\n$/);
  expect(await stateOf(out.trim())).toMatchObject({ state: 'PENDING', type: 'HEALTH', source: 'API', priority: 5 });
});

test('every option of a request arrives', async () => {
  const args = ['submit', '--type', 'security', '--server', 'web-1', '--id', 'all', '--priority', '2', '--source', 'installer'];
  const options = ['--option', 'deepScan=true', '--option', 'serverFilter=web-*,db-1', '--option', 'timeout=5000'];
  const more = ['--metadata', '{"url":"https://a.example/"}', '--attempt-timeout', '1m', '--max-retries', '3'];
  expect(await bench.run([...args, ...options, ...more])).toMatchObject({ code: 0, out: 'all\n', err: '' });
  expect(await stateOf('all')).toMatchObject({
    ...{ type: 'SECURITY', serverName: 'web-1', priority: 2, source: 'INSTALLER', timeoutMs: 60_000, maxRetries: 3 },
    requestData: { metadata: { url: 'https://a.example/' }, options: { deepScan: true, serverFilter: ['web-*', 'db-1'], timeout: 5_000 } },
  });
});

test('--metadata from a file, and from standard input', async () => {
  const file = join(tmpdir(), `assessment-store-cli-${process.pid}.json`);
  await writeFile(file, '{ "from": "a file" }');
  onTestFinished(() => rm(file));
  expect(await bench.run(['submit', '--type', 'health', '--id', 'from-file', '--metadata', `@${file}`])).toMatchObject({ code: 0 });
  expect(await stateOf('from-file')).toMatchObject({ requestData: { metadata: { from: 'a file' } } });
  expect(
    await bench.run(['submit', '--type', 'health', '--id', 'from-stdin', '--metadata', '@-'], { input: '{ "from": "a pipe" }' }),
  ).toMatchObject({ code: 0 });
  expect(await stateOf('from-stdin')).toMatchObject({ requestData: { metadata: { from: 'a pipe' } } });
});

test('the same again is the same assessment; the same key with another request is refused with 6', async () => {
  const args = ['submit', '--type', 'health', '--id', 'twice'];
  expect(valuesOf((await bench.run([...args, '--json'])).out)).toEqual([
    { created: true, assessment: expect.objectContaining({ version: 1 }) },
  ]);
  expect(valuesOf((await bench.run([...args, '--json'])).out)).toEqual([
    { created: false, assessment: expect.objectContaining({ version: 1 }) },
  ]);
  expect(await bench.run(args)).toMatchObject({ code: 0, out: 'twice\n', err: 'twice was there already, from the same request\n' });
  expect(await bench.run([...args, '--quiet'])).toMatchObject({ code: 0, out: 'twice\n', err: '' });
  const other = await bench.run([...args, '--priority', '1', '--json']);
  expect(other).toMatchObject({ code: 6, out: '' });
  expect(JSON.parse(other.err)).toEqual({ error: { code: 'ALREADY_EXISTS', message: expect.stringContaining('"twice" exists already') } });
});

test('what the service finds wrong is told with its place, and exits 6', async () => {
  expect(await bench.run(['submit', '--type', 'health', '--metadata', `{"text":"a\\u0000b"}`])).toMatchObject({
    ...{ code: 6, out: '' },
    err: expect.stringMatching(/^error: metadata\.text: /),
  });
});

test('--wait ends as the command wait does, and says the id before', async () => {
  const waiting = bench.start(['submit', '--type', 'health', '--id', 'awaited', '--wait']);
  await eventually('it is submitted', () => waiting.printed().err === 'submitted awaited\n');
  await bench.begin('awaited');
  await bench.fail('awaited', 'no luck');
  expect(await waiting.end()).toMatchObject({ code: 4, out: expect.stringMatching(/^awaited {2}FAILED in .*: no luck\n$/) });
});

test('--wait --json is one value: the assessment as it ended', async () => {
  const waiting = bench.start(['submit', '--type', 'health', '--id', 'awaited-json', '--wait', '--json', '--quiet']);
  await eventually('it is submitted', () => stateOf('awaited-json').catch(() => undefined));
  await bench.begin('awaited-json');
  await bench.complete('awaited-json', { score: 1 });
  const { code, out, err } = await waiting.end();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(valuesOf(out)).toEqual([expect.objectContaining({ assessmentId: 'awaited-json', state: 'COMPLETED', resultData: { score: 1 } })]);
});
