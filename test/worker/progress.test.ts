import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Work } from '../../src/worker/index.ts';
import { eventually } from '../support/eventually.ts';
import { actor } from '../support/test-store.ts';
import { endOf, startWorkerBench, submit, submitOne, type WorkerBench } from './support/worker-bench.ts';

let bench: WorkerBench;
beforeAll(async () => {
  bench = await startWorkerBench();
});
afterEach(() => bench.rest());
afterAll(() => bench.stop());

/** A worker whose handler reports what the test tells it to, until the test lets it end. */
async function hold(progressMs: number, input = {}) {
  let end = (): void => {};
  let work: Work | undefined;
  bench.work({
    progressMs,
    handlers: {
      HEALTH: (given) => {
        work = given;
        return new Promise((resolve) => {
          end = () => resolve({});
        });
      },
    },
  });
  const assessmentId = await submitOne(bench.store, input);
  const { progress, signal } = await eventually('the handler has begun', () => work);
  const progressNow = async () => {
    const { progress: percent, message } = await bench.store.getState(assessmentId, actor);
    return { percent, message };
  };
  return { assessmentId, progress, signal, progressNow, end: () => end() };
}

const auditOf = async (assessmentId: string) => {
  const entries = await bench.auditOf(assessmentId);
  return entries.map(({ newState, progress }) => `${newState} ${progress}`);
};

test('a thousand reports at once are few for the service, and the newest gets through', async () => {
  const { assessmentId, progress, progressNow, end } = await hold(60_000);
  progress(1, 'begun');
  await eventually('the first report is there', async () => (await progressNow()).percent === 1);
  for (let step = 0; step < 1_000; step++) progress(step / 10, `step ${step}`);
  end();
  await endOf(bench.store, assessmentId);
  expect(await auditOf(assessmentId)).toEqual(['PENDING 0', 'PROCESSING 0', 'PROCESSING 1', expect.stringMatching('COMPLETED')]);
});

test('the newest report wins', async () => {
  const { assessmentId, progress, progressNow, end } = await hold(100);
  for (let step = 0; step <= 500; step++) progress(step / 10, `step ${step}`);
  await eventually('the newest is there', async () => (await progressNow()).percent === 50);
  expect(await progressNow()).toEqual({ percent: 50, message: 'step 500' });
  progress(50, 'only the message is new');
  await eventually('the message is there', async () => (await progressNow()).message === 'only the message is new');
  end();
  await endOf(bench.store, assessmentId);
  expect(await auditOf(assessmentId)).toHaveLength(5);
});

test('nonsense does no harm, and is logged once', async () => {
  const { assessmentId, progress, progressNow, end } = await hold(0);
  progress(20);
  const nonsense = [Number.NaN, -5, 10, undefined, null, 'half', {}, 3n, Symbol('x')];
  for (const percent of nonsense) progress(percent as number, 'nonsense');
  progress(Number.POSITIVE_INFINITY, 'a\0b\uD800'.padEnd(20_000, 'x'));
  await eventually('the last is there', async () => (await progressNow()).percent === 100);
  expect((await progressNow()).message).toBe('a\uFFFDb\uFFFD'.padEnd(10_000, 'x'));
  progress(100, { toString: 'no text' } as unknown as string);
  end();
  expect((await endOf(bench.store, assessmentId)).state).toBe('COMPLETED');
  progress(100, 'after the end');
  const complaints = bench.log.lines.filter(
    ({ fields, message }) => message.startsWith('progress was ignored') && 'assessmentId' in fields && fields.assessmentId === assessmentId,
  );
  expect(complaints).toHaveLength(1);
});

test('reports of many assessments share calls', async () => {
  const ids = await submit(bench.store, 50, { type: 'SECURITY' });
  const ends: (() => void)[] = [];
  const worker = bench.work({
    concurrency: 50,
    handlers: {
      SECURITY: ({ progress }) => {
        progress(30, 'third');
        return new Promise((resolve) => ends.push(() => resolve({})));
      },
    },
  });
  await eventually(
    'all have reported',
    async () => (await bench.store.countAssessments({ where: { type: { eq: 'SECURITY' }, progress: { eq: 30 } } }, actor)) === 50,
  );
  for (const end of ends) end();
  await eventually('all are completed', () => worker.stats.completed === 50);
  expect(await auditOf(ids[0] ?? '')).toHaveLength(4);
});

test('the answer to a report tells that the assessment was cancelled', async () => {
  const { assessmentId, progress, signal, end } = await hold(0);
  await bench.store.cancelAssessment({ assessmentId }, actor);
  progress(10);
  await eventually('the signal has fired', () => signal.aborted);
  expect(signal.reason).toMatchObject({ name: 'CancelledError', message: `assessment "${assessmentId}" was cancelled` });
  end();
});
