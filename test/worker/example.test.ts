import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type ApiBench, startApiBench } from '../client/api-bench.ts';
import { eventually } from '../support/eventually.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs the example of docs/worker.md as a process of its own. */
function startExample(url: string) {
  const [, code = ''] = /^```js\n(.*?)^```$/ms.exec(readFileSync(`${root}docs/worker.md`, 'utf8')) ?? [];
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
    cwd: root,
    env: { PATH: process.env['PATH'], API_URL: url },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return { child, ended: once(child, 'exit') };
}

const submit = async ({ client }: ApiBench, metadata: object): Promise<string> =>
  (await client.createAssessment({ type: 'HEALTH', metadata: { ...metadata } })).assessment.assessmentId;

test.each(['SIGTERM', 'SIGINT'] as const)('the example in docs/worker.md works, and ends by itself after %s', async (signal) => {
  const bench = await startApiBench();
  const target = createServer(({ url }, response) => void (url === '/quick' && response.writeHead(204).end())).listen(0, '127.0.0.1');
  await once(target, 'listening');
  const page = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  const { child, ended } = startExample(bench.url);

  const quick = await submit(bench, { url: `${page}/quick` });
  const wrong = await submit(bench, {});
  const hanging = await submit(bench, { url: `${page}/hanging` });
  for (const assessmentId of [quick, wrong]) await bench.client.waitForCompletion({ assessmentId });
  expect(await bench.client.getState(quick)).toMatchObject({ state: 'COMPLETED', resultData: { status: 204 } });
  expect(await bench.client.getState(wrong)).toMatchObject({
    state: 'FAILED',
    errorMessage: expect.stringContaining('metadata.url is missing'),
  });
  await eventually('the third is begun', async () => (await bench.client.getState(hanging)).progress === 10);

  child.kill(signal);
  expect(await ended).toEqual([0, null]);
  expect(await bench.client.getState(hanging)).toMatchObject({ state: 'PENDING', retryCount: 0, claimedBy: null });
  target.closeAllConnections();
  target.close();
  await bench.stop();
});
