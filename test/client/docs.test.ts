import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOptions } from '../../src/client/options.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = readFileSync(`${root}docs/client.md`, 'utf8');
const programs = [...docs.matchAll(/^```js\n(.*?)^```$/gms)].map(([, program = '']) => program);

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

/** What a program of the page prints, on its own in a process. */
async function printedBy(program: string): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    env: { ...process.env, API_URL: service.url },
  });
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

test.each([
  ['the first', 0, ['COMPLETED false', '{ score: 98 }', 'COMPLETED cannot go to CANCELLED']],
  ['the one that resumes', 1, expect.arrayContaining(['1 are open'])],
  ['the one with a token', 2, ['HEALTHY']],
])('%s of the examples of docs/client.md runs as written, and ends by itself', async (_, index, printed) => {
  expect(programs).toHaveLength(3);
  expect(await printedBy(programs[index] ?? '')).toEqual(printed);
});

test('docs/client.md has every option, with its default', () => {
  const [, table = ''] = /^## Options\n(.*?)^## /ms.exec(docs) ?? [];
  const documented = [...table.matchAll(/^\| `(\w+)` \|([^|]*)\|/gm)].map(([, name = '', shown = '']) => [name, shown.trim()]);
  const settings = Object.entries(readOptions({ url: 'http://127.0.0.1/' }));
  expect(documented.map(([name]) => name).toSorted()).toEqual(settings.map(([name]) => name).toSorted());
  for (const [name, value] of settings)
    if (typeof value === 'number')
      expect({ [name]: documented.find(([known]) => known === name)?.[1] }).toEqual({ [name]: value.toLocaleString('en') });
});
