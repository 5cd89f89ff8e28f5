import { readFile } from 'node:fs/promises';
import { CloseCode } from 'graphql-ws';
import { expect, test } from 'vitest';
import { parseConfig, variables } from '../../src/config.ts';
import { closeCodes } from '../../src/http/close-codes.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const inFirstColumn = (page: string, pattern: string) =>
  [...page.matchAll(new RegExp(`^\\|\\s*\`(${pattern})\`\\s*\\|`, 'gm'))].map(([, name]) => name);

/** Codes of graphql-ws that its clients close with. */
const notOurs = [CloseCode.InternalClientError, CloseCode.BadResponse, CloseCode.ConnectionAcknowledgementTimeout];

test('docs/realtime.md has every close code that a client may meet, once, and no other', async () => {
  const documented = inFirstColumn(await read('docs/realtime.md'), '\\d{4}').map(Number);
  const ofTheProtocol = Object.values(CloseCode).filter((code) => typeof code === 'number' && !notOurs.includes(code));
  const ofWebSocket = [1002, 1006, 1007];
  expect(documented).toEqual(
    [...new Set([...Object.values(closeCodes), ...ofTheProtocol, ...ofWebSocket])].map(Number).toSorted((a, b) => a - b),
  );
});

const units: Record<string, number> = { '': 1, s: 1_000, MiB: 1024 * 1024 };

test('docs/realtime.md gives each limit the default that it has', async () => {
  const config = Object.entries(parseConfig({}));
  const rows = [...(await read('docs/realtime.md')).matchAll(/^\|[^|]+\| `([A-Z_]+)` \| ([\d,]+) ?([a-zA-Z]*) \|/gm)];
  expect(rows.length).toBeGreaterThan(8);
  for (const [, name, amount = '', unit = ''] of rows)
    expect([name, Number(amount.replaceAll(',', '')) * (units[unit] ?? Number.NaN)]).toEqual(
      config.find(([variable]) => variable === name),
    );
  const limits = Object.keys(variables.shape).filter((name) =>
    /^(MAX_SOCKETS|MAX_OPERATIONS|MAX_UNREAD|MAX_REQUEST|SOCKET_|SLOW_)/.test(name),
  );
  expect(limits.filter((name) => !rows.some(([, named]) => named === name))).toEqual([]);
});

test('docs/realtime.md names limits that there are', async () => {
  const named = [...(await read('docs/realtime.md')).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name]) => name ?? '');
  const codes = ['BAD_USER_INPUT', 'CURSOR_EXPIRED', 'NOT_FOUND', 'RATE_LIMITED', 'UNAUTHENTICATED'];
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
