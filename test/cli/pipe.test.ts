import { afterAll, beforeAll, expect, test } from 'vitest';
import { actor, type CliBench, startCliBench } from './cli-bench.ts';
import { valuesOf } from './cli-process.ts';

const assessments = Array.from({ length: 300 }, (_, index) => ({ assessmentId: `many-${index}`, type: 'SECURITY' as const }));
const ids = assessments.map(({ assessmentId }) => assessmentId);

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
  const { store } = bench.service.app;
  await store.batchCreateAssessments({ assessments }, actor);
  await Promise.all(ids.map((assessmentId) => store.startProcessing({ assessmentId }, actor)));
  const result = { evidence: 'x'.repeat(4_000) };
  await store.batchCompleteAssessments({ completions: ids.map((assessmentId) => ({ assessmentId, result })) }, actor);
});
afterAll(() => bench.stop());

test.each([
  { args: ['list', '--limit', '100000', '--json'] },
  { args: ['list', '--limit', '100000'] },
  { args: ['wait', ...ids, '--json'] },
  { args: ['watch', '--after', '0', '--json'] },
])('a reader that has enough ends it without a word, with 141: $args.0', async ({ args }) => {
  const cli = bench.start(args);
  cli.stopReading();
  const { code, err } = await cli.end();
  expect({ code, err }).toEqual({ code: 141, err: '' });
});

test('a reader that is slow gets everything, and no warning: what happens to many at once', async () => {
  const { code, out, err } = await bench.run(['watch', ...ids, '--json'], { pauseMs: 20 });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const updates = valuesOf<{ assessment: { assessmentId: string } }>(out);
  expect(updates.map(({ assessment }) => assessment.assessmentId).toSorted()).toEqual(ids.toSorted());
});

test('… and the results of all that was awaited', async () => {
  const { code, out, err } = await bench.run(['wait', ...ids, '--json'], { pauseMs: 20 });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const values = valuesOf<{ assessmentId: string; resultData: { evidence: string } }>(out);
  expect(values.map(({ assessmentId }) => assessmentId).toSorted()).toEqual(ids.toSorted());
  expect(values.every(({ resultData }) => resultData.evidence.length === 4_000)).toBe(true);
});
