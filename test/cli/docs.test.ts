import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { exitCodes as startCodes } from '../../src/startup-error.ts';
import { startTestApp } from '../support/test-app.ts';

const docs = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

test('the tour of docs/cli.md, run as written', async () => {
  const service = await startTestApp({ WORKER: true });
  onTestFinished(() => service.stop());
  const blocks = [...docs.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const tour = blocks
    .join('\n')
    .replaceAll('npx assessment-store', 'assessment-store')
    .replaceAll('http://127.0.0.1:4000', origin(service.url));
  const program = `set -eu; assessment-store() { '${process.execPath}' '${main}' "$@"; }\n${tour}`;
  const env = { PATH: process.env['PATH'], ASSESSMENT_STORE_URL: service.url };
  const { stdout } = await promisify(execFile)('bash', ['-c', program], { env });
  expect(blocks).toHaveLength(5);
  expect(stdout).toMatch(/^tour-1\ntour-1 {2}COMPLETED in .*\ntour-1 {2}COMPLETED in .*\n {2}type /);
  expect(stdout).toMatch(/\nhistory\n.* v1 +PENDING +by anonymous\n.* \+.* v2 +PROCESSING +by service:worker\n/);
  expect(stdout).toContain('\nID ');
  expect(stdout).toContain('\nthe last 5 minutes\n');
  for (const n of [1, 2, 3]) expect(stdout).toMatch(new RegExp(`^\\{"assessmentId":"tour-many-${n}",.*"state":"COMPLETED"`, 'm'));
  expect(stdout.match(/^\S+Z {2}tour-/gm)).toHaveLength(5);
}, 120_000);

test('every exit code is explained', () => {
  const table = docs.slice(docs.indexOf('## Exit codes'));
  const first = [...table.matchAll(/^\| ([\d, to]+) \|/gm)].map(([, codes = '']) => codes);
  const explained = first.flatMap((codes) => {
    const [from = 0, to = from] = codes.split(' to ').map(Number);
    return codes.includes(' to ') ? Array.from({ length: to - from + 1 }, (_, index) => from + index) : codes.split(', ').map(Number);
  });
  const used = [...new Set([...Object.values(exitCodes), ...Object.values(startCodes)])].toSorted((one, other) => one - other);
  expect(explained.toSorted((one, other) => one - other)).toEqual(used);
});

const origin = (url: string): string => new URL(url).origin;
