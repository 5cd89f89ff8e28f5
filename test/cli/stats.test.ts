import { afterAll, beforeAll, expect, test } from 'vitest';
import { actor, type CliBench, startCliBench } from './cli-bench.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
  await bench.submit('done', { serverName: 'web-1' });
  await bench.begin('done');
  await bench.complete('done');
  await bench.submit('failed', { serverName: 'web-2' });
  await bench.begin('failed');
  await bench.fail('failed');
  await bench.submit('ready', { priority: 2 });
  await bench.submit('held', { priority: 1 });
  await bench.service.app.store.claimAssessments({ workerId: 'worker-7', limit: 1, leaseMs: 60_000 }, actor);
});
afterAll(() => bench.stop());

const lasted = String.raw`(\d+ ms|[\d.]+ s)`;

test('counts, times and rates, the queue, and who works', async () => {
  const { code, out, err } = await bench.run(['stats', '--window', '5']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.split('\n')).toEqual([
    'assessments',
    '  pending     1',
    '  processing  1',
    '  completed   1',
    '  failed      1',
    '  cancelled   0',
    '  total       4',
    'the last 5 minutes',
    '  ended per minute  0.40',
    '  failed            50.0 %',
    expect.stringMatching(new RegExp(`^ {2}average time {6}${lasted}$`)),
    expect.stringMatching(new RegExp(`^ {2}p50, p95, p99 {5}${lasted}, ${lasted}, ${lasted}$`)),
    expect.stringMatching(new RegExp(`^ {2}oldest pending {4}${lasted}$`)),
    'queue',
    '  ready              1',
    '  waits for a retry  0',
    '  processing         1',
    expect.stringMatching(new RegExp(`^ {2}priority 2 {9}1 ready, the oldest for ${lasted}$`)),
    'workers',
    expect.stringMatching(/^ {2}worker-7 {2}1 held {2}seen \d{4}-.*Z$/),
    '',
  ]);
});

test('of one type and server, as JSON', async () => {
  const { code, out } = await bench.run(['stats', '--type', 'health', '--server', 'web-1', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    stats: { total: 1, completed: 1, failed: 0, errorRate: 0 },
    queue: { depth: 1, ready: 1, processing: 1, workers: [{ workerId: 'worker-7', processing: 1 }] },
  });
  expect((await bench.run(['stats', '--type', 'compliance'])).out).toContain('\n  total       0\n');
});
