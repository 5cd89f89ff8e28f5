import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { actor, type CliBench, startCliBench } from './cli-bench.ts';
import { screenOf, showsCursor } from './screen.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
});
afterAll(() => bench.stop());

const empty = '░'.repeat(24);
const half = '█'.repeat(12) + '░'.repeat(12);

/** Waits until the screen of a command has a line that holds this. */
const shows = (cli: { printed(): { out: string } }, text: string) =>
  eventually(`the screen shows "${text}"`, async () => (await screenOf(cli.printed().out)).some((line) => line.includes(text)));

test('wait: a bar for each, which gives way to a line at its end; errors stand above', async () => {
  await bench.submit('one');
  await bench.submit('another');
  const cli = bench.startOnTerminal(['wait', 'one', 'another', 'never-was']);
  for (const text of [`one      ${empty}   0 %  PENDING`, `another  ${empty}   0 %  PENDING`, 'There is no assessment'])
    await shows(cli, text);
  expect(showsCursor(cli.printed().out)).toBe(false);
  await bench.begin('one', 50, 'half way');
  await shows(cli, `one      ${half}  50 %  PROCESSING  half way`);
  await bench.fail('one', 'no luck');
  await shows(cli, 'FAILED');
  await bench.service.app.store.cancelAssessment({ assessmentId: 'another' }, actor);
  const { code, out } = await cli.end();
  expect(await screenOf(out)).toEqual([
    'error: There is no assessment "never-was".',
    expect.stringMatching(/^one {2}FAILED in .*: no luck$/),
    'another  CANCELLED',
  ]);
  expect(showsCursor(out)).toBe(true);
  expect(out).toContain('\u001b[36m█');
  expect(code).toBe(6);
});

test('Ctrl-C leaves the bars as they are, and gives the cursor back; so does the end of the time', async () => {
  await bench.submit('goes-on');
  const cli = bench.startOnTerminal(['watch', 'goes-on']);
  await shows(cli, 'goes-on');
  cli.type('\u0003');
  const { code, out } = await cli.end();
  expect(await screenOf(out)).toEqual([`goes-on  ${empty}   0 %  PENDING`, expect.stringContaining('error: interrupted by SIGINT')]);
  expect({ code, cursor: showsCursor(out) }).toEqual({ code: 130, cursor: true });

  const late = await bench.startOnTerminal(['wait', 'goes-on', '--timeout', '4s']).end();
  expect(await screenOf(late.out)).toEqual([
    'error: goes-on has not ended: the 4.0 s of --timeout are over',
    `goes-on  ${empty}   0 %  PENDING`,
  ]);
  expect({ code: late.code, cursor: showsCursor(late.out) }).toEqual({ code: 5, cursor: true });
});

test('more than there is room for: those under way first, and how many more there are', async () => {
  const ids = Array.from({ length: 40 }, (_, index) => `row-${index}`);
  await bench.service.app.store.batchCreateAssessments(
    { assessments: ids.map((assessmentId) => ({ assessmentId, type: 'HEALTH' as const })) },
    actor,
  );
  const cli = bench.startOnTerminal(['wait', ...ids]);
  await shows(cli, '… and 18 more');
  await bench.begin('row-39', 50);
  await bench.begin('row-38', 50);
  for (const id of ['row-38', 'row-39']) await shows(cli, `${id}  ${half}  50 %  PROCESSING`);
  expect((await screenOf(cli.printed().out)).length).toBe(23);
  await bench.service.app.store.batchCancelAssessments({ where: { assessmentId: { startsWith: 'row-' } } }, actor);
  const { code, out } = await cli.end();
  expect((await screenOf(out)).toSorted()).toEqual(ids.map((id) => `${id}  CANCELLED`).toSorted());
  expect(code).toBe(3);
});

test('watch without ids: a bar for what is under way, a line for what has ended', async () => {
  const cli = await bench.until('enterLog', () => bench.startOnTerminal(['watch', '--type', 'security']));
  await bench.submit('f-1', { type: 'SECURITY' });
  await bench.submit('f-2', { type: 'SECURITY' });
  await bench.begin('f-2', 50, 'half way');
  await shows(cli, `f-1  ${empty}   0 %  PENDING`);
  await shows(cli, `f-2  ${half}  50 %  PROCESSING  half way`);
  await bench.complete('f-2');
  await shows(cli, 'f-2  COMPLETED in ');
  cli.signal('SIGTERM');
  await cli.end();
});

const evil = { id: 'e\u001b[2J\u009b2Jvil\u202e', text: 'red\u001b[31m\u0007 \u001b]0;title\u0007\r\nnext\u2028', shown: 'red\\u001b[31m' };
const commands = [
  ...[['list'], ['show', evil.id], ['wait', evil.id], ['watch', evil.id], ['stats'], ['retry', evil.id], ['cancel', evil.id]],
  ...[
    ['watch', '--after', '0', '--id-prefix', 'e', '--timeout', '3s'],
    ['show', `${evil.id}2`],
  ],
];

test('what others have written cannot control the terminal, nor hide a line end in what is printed', async () => {
  await bench.submit(evil.id, { serverName: evil.text, metadata: { [evil.text]: evil.text } });
  await bench.begin(evil.id, 1, evil.text);
  await bench.fail(evil.id, evil.text);
  await bench.submit('held', { priority: 1 });
  await bench.service.app.store.claimAssessments({ workerId: `worker ${evil.text}`, limit: 1, leaseMs: 60_000, types: ['HEALTH'] }, actor);
  for (const command of commands)
    for (const args of [command, [...command, '--json']]) {
      const { out, err } = await bench.run(args);
      expect(`${out}${err}`, args.join(' ')).not.toMatch(/[^\P{Cc}\n]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      expect(`${out}${err}`, args.join(' ')).toMatch(/\\u001b/);
    }
}, 120_000);

test('colours on a terminal, unless NO_COLOR or --no-color says otherwise; elsewhere none; on a dumb terminal lines for bars', async () => {
  await bench.submit('coloured');
  await bench.begin('coloured');
  await bench.complete('coloured');
  const list = ['list', '--id-prefix', 'coloured'];
  expect((await bench.startOnTerminal(list).end()).out).toContain('\u001b[32mCOMPLETED\u001b[39m');
  for (const { out } of await Promise.all([
    bench.startOnTerminal(list, { env: { NO_COLOR: '1' } }).end(),
    bench.startOnTerminal([...list, '--no-color']).end(),
    bench.startOnTerminal([...list, '--json']).end(),
    bench.startOnTerminal(['wait', 'coloured'], { env: { TERM: 'dumb' } }).end(),
    bench.run(list),
  ])) {
    expect(out).toContain('COMPLETED');
    expect(out).not.toContain('\u001b');
  }
  const bars = await bench.startOnTerminal(['wait', 'coloured'], { env: { NO_COLOR: '1' } }).end();
  expect(await screenOf(bars.out)).toEqual([expect.stringMatching(/^coloured {2}COMPLETED/)]);
  expect(bars.out).toContain('\u001b[?25h');
  expect(bars.out).not.toContain('\u001b[3');
});
