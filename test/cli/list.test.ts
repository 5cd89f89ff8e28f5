import { afterAll, beforeAll, expect, test } from 'vitest';
import { actor, type CliBench, startCliBench } from './cli-bench.ts';
import { valuesOf } from './cli-process.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
  await bench.submit('web-1-a', { type: 'SECURITY', serverName: 'web-1', priority: 2 });
  await bench.submit('web-1-b', { type: 'HEALTH', serverName: 'web-1', priority: 9 });
  await bench.submit('db-1-a', { type: 'COMPLIANCE', serverName: 'db-1', source: 'INSTALLER' });
  await bench.begin('web-1-b', 40, 'looking at the certificate');
  await bench.begin('db-1-a');
  await bench.fail('db-1-a', 'certificate expired');
});
afterAll(() => bench.stop());

const idsOf = async (...args: string[]): Promise<unknown[]> => {
  const { code, out, err } = await bench.run(['list', '--json', ...args]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return valuesOf(out).map(({ assessmentId }) => assessmentId);
};

test('a table with the newest first', async () => {
  const { code, out, err } = await bench.run(['list']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
  expect(out.split('\n')).toEqual([
    'ID       TYPE        SERVER  STATE       DONE  PRIO  CREATED                   MESSAGE',
    expect.stringMatching(new RegExp(`^db-1-a   COMPLIANCE  db-1    FAILED      0 %   5     ${time}  certificate expired$`)),
    expect.stringMatching(new RegExp(`^web-1-b  HEALTH      web-1   PROCESSING  40 %  9     ${time}  looking at the certificate$`)),
    expect.stringMatching(new RegExp(`^web-1-a  SECURITY    web-1   PENDING     0 %   2     ${time}$`)),
    '',
  ]);
});

test.each([
  { args: ['--state', 'pending,FAILED'], ids: ['db-1-a', 'web-1-a'] },
  { args: ['--state', 'pending', '--state', 'processing'], ids: ['web-1-b', 'web-1-a'] },
  { args: ['--type', 'health'], ids: ['web-1-b'] },
  { args: ['--source', 'installer'], ids: ['db-1-a'] },
  { args: ['--server', 'web-1', '--type', 'security,compliance'], ids: ['web-1-a'] },
  { args: ['--id-prefix', 'web-'], ids: ['web-1-b', 'web-1-a'] },
  { args: ['--search', 'certificate'], ids: ['db-1-a', 'web-1-b'] },
  { args: ['--search', 'certificate -expired'], ids: ['web-1-b'] },
  { args: ['--since', '2h', '--sort', 'priority'], ids: ['web-1-b', 'db-1-a', 'web-1-a'] },
  { args: ['--since', '90d', '--sort', 'priority:asc'], ids: ['web-1-a', 'db-1-a', 'web-1-b'] },
  { args: ['--since', '2020-02-29', '--limit', '1'], ids: ['db-1-a'], more: true },
  { args: ['--since', '2999-01-01T00:00:00Z', '--quiet'], ids: [] },
])('$args', async ({ args, ids, more }) => {
  expect(await idsOf(...args, ...(more ? ['--quiet'] : []))).toEqual(ids);
});

test('--count prints the number alone, which --limit does not change', async () => {
  expect(await bench.run(['list', '--count', '--limit', '1'])).toMatchObject({ code: 0, out: '3\n', err: '' });
  expect(await bench.run(['list', '--count', '--state', 'cancelled', '--json'])).toMatchObject({ code: 0, out: '{"count":0}\n', err: '' });
});

test('nothing: no table, and that is said', async () => {
  expect(await bench.run(['list', '--state', 'cancelled'])).toMatchObject({ code: 0, out: '', err: 'there are none\n' });
  expect(await bench.run(['list', '--state', 'cancelled', '--json'])).toMatchObject({
    code: 0,
    out: '',
    err: '{"note":"there are none"}\n',
  });
  expect(await bench.run(['list', '--state', 'cancelled', '-q'])).toMatchObject({ code: 0, out: '', err: '' });
});

test('page after page, with --after and by itself: each assessment once, in one table', async () => {
  const assessments = Array.from({ length: 250 }, (_, index) => ({ assessmentId: `many-${index}`, type: 'HEALTH' as const }));
  await bench.service.app.store.batchCreateAssessments({ assessments }, actor);
  const all = await bench.run(['list', '--id-prefix', 'many-', '--limit', '1000']);
  expect(all).toMatchObject({ code: 0, err: '' });
  const lines = all.out.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('ID'))).toHaveLength(1);
  expect(new Set(lines.slice(1).map((line) => line.split(' ')[0]))).toEqual(new Set(assessments.map(({ assessmentId }) => assessmentId)));
  expect(lines).toHaveLength(251);

  const seen: unknown[] = [];
  let after: string | undefined;
  do {
    const { out, err } = await bench.run([
      ...['list', '--id-prefix', 'many-', '--limit', '120', '--json'],
      ...(after === undefined ? [] : ['--after', after]),
    ]);
    const page = valuesOf(out);
    seen.push(...page.map(({ assessmentId }) => assessmentId));
    after = /--after (\S+?)"/.exec(err)?.[1];
    expect(after === undefined || after === page.at(-1)?.['cursor']).toBe(true);
  } while (after !== undefined);
  expect(new Set(seen).size).toBe(250);
  expect(seen).toHaveLength(250);
});

test('what the service finds wrong is told, and exits 6', async () => {
  expect(await bench.run(['list', '--after', 'nowhere'])).toMatchObject({
    code: 6,
    out: '',
    err: expect.stringMatching(/^error: .*after/),
  });
});
