import { afterAll, beforeAll, expect, test } from 'vitest';
import { actor, type CliBench, startCliBench } from './cli-bench.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
});
afterAll(() => bench.stop());

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
const lasted = String.raw`(\d+ ms|[\d.]+ s)`;

test('how it stands, its history as a timeline, its request and its result', async () => {
  await bench.submit('whole', { serverName: 'web-1', metadata: { ticket: 'OPS-42' }, maxRetries: 2, timeoutMs: 90_000, priority: 3 });
  await bench.begin('whole', 60, 'nearly there');
  await bench.complete('whole', { score: 98 });
  const { code, out, err } = await bench.run(['show', 'whole']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const [facts, history, request, result] = out.split('\n\n');
  expect(facts?.split('\n')).toEqual([
    expect.stringMatching(new RegExp(`^whole {2}COMPLETED in ${lasted}$`)),
    '  type             HEALTH, from API',
    '  server           web-1',
    '  priority         3',
    '  version          4',
    '  retries          0 of 2',
    '  attempt timeout  1 m 30 s',
    expect.stringMatching(new RegExp(`^ {2}created {10}${time}$`)),
    expect.stringMatching(new RegExp(`^ {2}started {10}${time}$`)),
    expect.stringMatching(new RegExp(`^ {2}completed {8}${time}$`)),
    '  held by          -',
  ]);
  expect(history?.split('\n')).toEqual([
    'history',
    expect.stringMatching(new RegExp(`^ {2}${time} +v1 {2}PENDING +by tester$`)),
    expect.stringMatching(new RegExp(`^ {2}${time} {2}\\+${lasted} +v2 {2}PROCESSING +by tester$`)),
    expect.stringMatching(new RegExp(`^ {2}${time} {2}\\+${lasted} +v3 {2}60 % +by tester$`)),
    expect.stringMatching(new RegExp(`^ {2}${time} {2}\\+${lasted} +v4 {2}COMPLETED +by tester$`)),
  ]);
  expect(JSON.parse(request?.replace('request\n', '') ?? '')).toMatchObject({ metadata: { ticket: 'OPS-42' } });
  expect(JSON.parse(result?.replace('result\n', '') ?? '')).toEqual({ score: 98 });
});

test('why it ended, who holds it, and when it is tried again', async () => {
  await bench.submit('refused');
  await bench.service.app.store.cancelAssessment({ assessmentId: 'refused', reason: 'the server is gone' }, actor);
  expect((await bench.run(['show', 'refused'])).out).toMatch(/v2 {2}CANCELLED {2}by tester {2}the server is gone\n/);

  await bench.submit('held');
  await bench.service.app.store.claimAssessments({ workerId: 'worker-7', limit: 1, leaseMs: 60_000 }, actor);
  expect((await bench.run(['show', 'held'])).out).toMatch(new RegExp(`\n {2}held by {10}worker-7, until ${time}\n`));

  await bench.submit('again', { maxRetries: 3 });
  await bench.begin('again');
  await bench.service.app.store.failAssessment({ assessmentId: 'again', error: 'busy', retryable: true }, actor);
  expect((await bench.run(['show', 'again'])).out).toMatch(new RegExp(`^again {2}PENDING {2}retry 1 of 3 at ${time}: busy\n`));
});

test('--history: the newest changes, and that there are older ones; more than a page of them', async () => {
  await bench.submit('long');
  await bench.begin('long');
  for (let progress = 1; progress <= 99; progress++) await bench.begin('long', progress);
  await bench.begin('long', 99, 'once more');
  const { out } = await bench.run(['show', 'long', '--history', '2']);
  expect(out).toMatch(/\nhistory\n {2}… and older changes: --history <number> shows more\n.*v101 {2}99 %.*\n.*v102 {2}99 %.*\n\nrequest\n/);
  const versions = (text: string) => [...text.matchAll(/ v(\d+) /g)].map(([, version]) => Number(version));
  const all = await bench.run(['show', 'long', '--history', '1000']);
  expect(versions(all.out)).toEqual(Array.from({ length: 102 }, (_, index) => index + 1));
  expect(all.out).not.toContain('older changes');
  expect(versions((await bench.run(['show', 'long'])).out)).toEqual(Array.from({ length: 50 }, (_, index) => index + 53));
  expect((await bench.run(['show', 'long', '--history', '0'])).out).not.toContain('history');
});

test('--json: one value with everything', async () => {
  await bench.submit('j', { metadata: { ticket: 'OPS-42' } });
  await bench.begin('j');
  await bench.complete('j', { verdict: 'pass' });
  const { code, out } = await bench.run(['show', 'j', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    ...{ assessmentId: 'j', state: 'COMPLETED', version: 3, resultData: { verdict: 'pass' } },
    requestData: { metadata: { ticket: 'OPS-42' } },
    auditTrail: [
      { versionTo: 1, newState: 'PENDING' },
      { versionTo: 2, newState: 'PROCESSING' },
      { versionTo: 3, newState: 'COMPLETED', changedBy: 'tester' },
    ],
  });
});

test('an assessment that there is not: 6', async () => {
  expect(await bench.run(['show', 'never-was'])).toMatchObject({ code: 6, out: '', err: 'error: There is no assessment "never-was".\n' });
});
