import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startApiBench } from '../client/api-bench.ts';
import { eventually } from '../support/eventually.ts';

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops a worker process: what it has goes back, and it ends by itself', async (signal) => {
  const bench = await startApiBench();
  const script = fileURLToPath(new URL('worker-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, bench.url], { stdio: 'inherit' });
  const ended = once(child, 'exit');
  const { assessment: quick } = await bench.client.createAssessment({ type: 'HEALTH', serverName: 'quick' });
  const { assessment: slow } = await bench.client.createAssessment({ type: 'HEALTH', serverName: 'slow' });
  await bench.client.waitForCompletion({ assessmentId: quick.assessmentId });
  expect((await bench.client.getState(quick.assessmentId)).resultData).toEqual({ checked: 'quick' });
  await eventually('the slow one is begun', async () => (await bench.client.getState(slow.assessmentId)).progress === 50);
  child.kill(signal);
  expect(await ended).toEqual([0, null]);
  expect(await bench.client.getState(slow.assessmentId)).toMatchObject({ state: 'PENDING', retryCount: 0, claimedBy: null });
  await bench.stop();
});
