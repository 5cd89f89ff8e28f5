import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type CliBench, startCliBench } from './cli-bench.ts';
import { valuesOf } from './cli-process.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
});
afterAll(() => bench.stop());

interface Update {
  kind: string;
  previousState: string | null;
  cursor?: string;
  assessment: { assessmentId: string; state: string; version: number; progress: number; errorMessage: string | null };
}

const versionsOf = (out: string): string[] =>
  valuesOf<Update>(out).map(({ assessment: { assessmentId, version } }) => `${assessmentId} v${version}`);

test('a line with its time for every change, from how it is to its end; exits as wait does', async () => {
  await bench.submit('lines');
  const watching = await bench.until('readByKeys', () => bench.start(['watch', 'lines']));
  const told = (what: string) => eventually(what, () => watching.printed().out.includes(what));
  await told('lines  PENDING');
  await bench.begin('lines');
  await told('lines  PROCESSING  0 %');
  await bench.begin('lines', 50, 'half way');
  await told('lines  PROCESSING  50 %  half way');
  await bench.fail('lines', 'no luck');
  const { code, out, err } = await watching.end();
  expect({ code, err }).toEqual({ code: 4, err: '' });
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}lines {2}`;
  expect(out).toMatch(
    new RegExp(`^${time}PENDING\n${time}PROCESSING  0 %\n${time}PROCESSING  50 %  half way\n${time}FAILED in .*s: no luck\n$`),
  );
});

test('--json: an update a line, the first one the SNAPSHOT', async () => {
  await bench.submit('j');
  const watching = await bench.until('readByKeys', () => bench.start(['watch', 'j', '--json']));
  await eventually('the snapshot is told', () => watching.printed().out.includes('SNAPSHOT'));
  await bench.service.app.store.cancelAssessment({ assessmentId: 'j' }, { tenantId: 'default', subject: 'tester' });
  const { code, out } = await watching.end();
  expect(code).toBe(3);
  expect(valuesOf<Update>(out)).toMatchObject([
    { kind: 'SNAPSHOT', previousState: null, assessment: { assessmentId: 'j', state: 'PENDING', version: 1 } },
    { previousState: 'PENDING', assessment: { assessmentId: 'j', state: 'CANCELLED', version: 2 } },
  ]);
});

test('what has ended, and what there is not: both told, the higher code', async () => {
  await bench.submit('ended');
  await bench.begin('ended');
  await bench.complete('ended');
  const { code, out, err } = await bench.run(['watch', 'ended', 'never-was']);
  expect(out).toMatch(/^\S+ {2}ended {2}COMPLETED in .*\n$/);
  expect({ code, err }).toEqual({ code: 6, err: 'error: There is no assessment "never-was".\n' });
});

test('without ids: every change that matches, from now on, until Ctrl-C; and from where another can go on', async () => {
  await bench.submit('before', { type: 'SECURITY' });
  const watching = await bench.until('enterLog', () => bench.start(['watch', '--type', 'security', '--json']));
  await bench.submit('f-health');
  await bench.submit('f-1', { type: 'SECURITY' });
  await bench.begin('f-1', 10);
  await eventually('all of it is told', () => watching.printed().out.split('\n').length > 3);
  watching.signal('SIGINT');
  const { code, out, err } = await watching.end();
  expect(code).toBe(130);
  expect(versionsOf(out)).toEqual(['f-1 v1', 'f-1 v2', 'f-1 v3']);
  const [note, error] = valuesOf(err);
  const cursor = valuesOf<Update>(out).at(-1)?.cursor ?? '';
  expect(note).toEqual({ note: `to go on from here: --after ${cursor}` });
  expect(error).toEqual({ error: { message: 'interrupted by SIGINT' } });

  await bench.submit('f-2', { type: 'SECURITY' });
  const goingOn = bench.start(['watch', '--type', 'security', '--json', '--after', cursor]);
  await eventually('what came meanwhile is told', () => goingOn.printed().out.includes('f-2'));
  goingOn.signal('SIGTERM');
  const later = await goingOn.end();
  expect(later.code).toBe(143);
  expect(versionsOf(later.out)).toEqual(['f-2 v1']);
});

test('--after 0 begins at the beginning; --timeout ends a watch of all that match with 0', async () => {
  await bench.submit('t-1', { type: 'COMPLIANCE', serverName: 'db-1' });
  await bench.submit('t-2', { type: 'COMPLIANCE', serverName: 'db-2' });
  const args = ['watch', '--after', '0', '--type', 'compliance', '--server', 'db-1', '--since', '1h', '--id-prefix', 't-'];
  const { code, out, err } = await bench.run([...args, '--state', 'pending', '--source', 'api', '--timeout', '4s']);
  expect(out).toMatch(/^\S+ {2}t-1 {2}PENDING\n$/);
  expect(err).toMatch(/^to go on from here: --after \S+\n$/);
  expect(code).toBe(0);
});

test('a place that is none is refused with 6', async () => {
  const { code, out, err } = await bench.run(['watch', '--after', 'nowhere']);
  expect(err).toMatch(/^error: .*after/);
  expect({ code, out }).toEqual({ code: 6, out: '' });
});
