import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { variables } from '../../src/config.ts';
import { closeCodes } from '../../src/http/close-codes.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const inFirstColumn = (page: string, pattern: string) =>
  [...page.matchAll(new RegExp(`^\\|\\s*\`(${pattern})\`\\s*\\|`, 'gm'))].map(([, name]) => name);

test('docs/realtime.md has every close code of the service, once', async () => {
  const documented = inFirstColumn(await read('docs/realtime.md'), '\\d{4}').map(Number);
  expect(new Set(documented).size).toBe(documented.length);
  expect(Object.values(closeCodes).filter((code) => !documented.includes(code))).toEqual([]);
});

test('docs/realtime.md names limits that there are', async () => {
  const named = [...(await read('docs/realtime.md')).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name]) => name ?? '');
  const codes = ['BAD_USER_INPUT', 'CURSOR_EXPIRED', 'NOT_FOUND', 'RATE_LIMITED'];
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(name in variables.shape) && !codes.includes(name))).toEqual([]);
});

test.each(['docs/operations.md', '.env.example'])('%s has every variable of the configuration', async (path) => {
  const page = await read(path);
  const documented = path.endsWith('.md')
    ? inFirstColumn(page, '[A-Z][A-Z_]+')
    : [...page.matchAll(/^# ?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name);
  expect(Object.keys(variables.shape).filter((name) => !documented.includes(name))).toEqual([]);
});
