import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type CliBench, startCliBench } from './cli-bench.ts';
import { valuesOf } from './cli-process.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
});
afterAll(() => bench.stop());

/** Starts `wait`, and gives it as soon as the service knows that somebody waits. */
const waitFor = (...args: string[]) => bench.until('readByKeys', () => bench.start(['wait', ...args]));

test('0: COMPLETED, while it is awaited', async () => {
  await bench.submit('completes');
  await bench.begin('completes', 50);
  const waiting = await waitFor('completes');
  expect(waiting.printed()).toEqual({ out: '', err: '' });
  await bench.complete('completes', { score: 98 });
  expect(await waiting.end()).toEqual({ code: 0, signal: null, out: expect.stringMatching(/^completes {2}COMPLETED in .*s\n$/), err: '' });
});

test('0: COMPLETED before it was awaited', async () => {
  await bench.submit('completed');
  await bench.begin('completed');
  await bench.complete('completed');
  expect(await bench.run(['wait', 'completed'])).toMatchObject({ code: 0, out: expect.stringContaining('COMPLETED'), err: '' });
});

test('4: FAILED, with the reason', async () => {
  await bench.submit('fails');
  await bench.begin('fails');
  const waiting = await waitFor('fails');
  await bench.fail('fails', 'the server is gone');
  const { code, out, err } = await waiting.end();
  expect(out).toMatch(/^fails {2}FAILED in .*s: the server is gone\n$/);
  expect({ code, err }).toEqual({ code: 4, err: '' });
});

test('3: CANCELLED', async () => {
  await bench.submit('is-cancelled');
  const waiting = await waitFor('is-cancelled');
  expect(await bench.run(['cancel', 'is-cancelled'])).toMatchObject({ code: 0 });
  expect(await waiting.end()).toMatchObject({ code: 3, out: 'is-cancelled  CANCELLED\n', err: '' });
});

test('5: not ended when the time is up; it goes on', async () => {
  await bench.submit('takes-long');
  const { code, out, err } = await bench.run(['wait', 'takes-long', '--timeout', '3s']);
  expect({ code, out }).toEqual({ code: 5, out: '' });
  expect(err).toBe('error: takes-long has not ended: the 3.0 s of --timeout are over\n');
  await bench.begin('takes-long', 10);
});

test('6: an assessment that there is not', async () => {
  expect(await bench.run(['wait', 'never-was'])).toMatchObject({
    ...{ code: 6, out: '' },
    err: 'error: There is no assessment "never-was".\n',
  });
});

test('130: Ctrl-C; 143: SIGTERM; nothing is changed by it', async () => {
  await bench.submit('goes-on');
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    const waiting = await waitFor('goes-on');
    waiting.signal(signal);
    expect(await waiting.end()).toEqual({ code, signal: null, out: '', err: `error: interrupted by ${signal}\n` });
  }
  expect(await bench.run(['show', 'goes-on', '--json'])).toMatchObject({ out: expect.stringContaining('"state":"PENDING"') });
});

test('of several, the highest code; each is told of as it ends, and one that is named twice is one', async () => {
  const ids = ['s-completes', 's-fails', 's-cancelled'];
  for (const id of ids) await bench.submit(id);
  const waiting = await waitFor(...ids, 's-fails');
  for (const id of ids.slice(0, 2)) await bench.begin(id);
  await bench.complete('s-completes');
  await eventually('the first is told of', () => waiting.printed().out.includes('s-completes'));
  await bench.fail('s-fails');
  await eventually('the second is told of', () => waiting.printed().out.includes('s-fails'));
  await bench.run(['cancel', 's-cancelled']);
  const { code, out } = await waiting.end();
  expect(out).toMatch(/^s-completes {2}COMPLETED.*\ns-fails {2}FAILED.*\ns-cancelled {2}CANCELLED\n$/);
  expect(code).toBe(4);

  expect(await bench.run(['wait', 's-completes', 'never-was', 's-fails'])).toMatchObject({ code: 6 });
  await bench.submit('s-pending');
  const late = await bench.run(['wait', 's-fails', 's-pending', '--timeout', '4s']);
  expect(late).toMatchObject({
    code: 5,
    out: expect.stringContaining('s-fails  FAILED'),
    err: expect.stringContaining('s-pending has not ended'),
  });
});

test('--json: each as it ended with its result, or as it stands when the time is up; errors are JSON too', async () => {
  await bench.submit('j-completes', { metadata: { url: 'http://a.example/' } });
  await bench.begin('j-completes');
  await bench.complete('j-completes', { score: 98 });
  await bench.submit('j-pending');
  const { code, out, err } = await bench.run(['wait', 'j-completes', 'j-pending', 'never-was', '--json', '--timeout', '4s']);
  const ends = new Map(valuesOf<{ assessmentId: string }>(out).map((end) => [end.assessmentId, end]));
  expect([...ends.keys()].toSorted()).toEqual(['j-completes', 'j-pending']);
  expect(ends.get('j-completes')).toMatchObject({
    ...{ state: 'COMPLETED', type: 'HEALTH', progress: 100, version: 3, resultData: { score: 98 } },
    completedAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect(ends.get('j-pending')).toMatchObject({ state: 'PENDING', resultData: null });
  expect(valuesOf(err)).toEqual(
    expect.arrayContaining([
      { error: { code: 'NOT_FOUND', assessmentId: 'never-was', message: 'There is no assessment "never-was".' } },
      { error: { code: 'TIME_UP', assessmentId: 'j-pending', message: expect.stringContaining('4.0 s of --timeout') } },
    ]),
  );
  expect(code).toBe(6);
});

test('--quiet: the exit code alone', async () => {
  await bench.submit('q');
  await bench.begin('q');
  await bench.fail('q');
  expect(await bench.run(['wait', 'q', '--quiet'])).toMatchObject({ code: 4, out: '', err: '' });
});

test('a thousand at once', async () => {
  const assessments = Array.from({ length: 1_000 }, (_, index) => ({ assessmentId: `many-${index}`, type: 'HEALTH' as const }));
  await bench.service.app.store.batchCreateAssessments({ assessments }, { tenantId: 'default', subject: 'tester' });
  const ids = assessments.map(({ assessmentId }) => assessmentId);
  const waiting = await waitFor(...ids);
  await bench.service.app.store.batchCancelAssessments(
    { where: { assessmentId: { startsWith: 'many-' } } },
    { tenantId: 'default', subject: 'tester' },
  );
  const { code, out } = await waiting.end();
  expect(new Set(out.trimEnd().split('\n'))).toEqual(new Set(ids.map((id) => `${id}  CANCELLED`)));
  expect(code).toBe(3);
});
