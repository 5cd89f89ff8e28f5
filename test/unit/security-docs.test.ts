import { readFile } from 'node:fs/promises';
import { getIntrospectionQuery, parse } from 'graphql';
import { expect, test } from 'vitest';
import { parseConfig, variables } from '../../src/config.ts';
import { shapeExcess } from '../../src/http/document-shape.ts';

const page = await readFile(new URL('../../docs/security.md', import.meta.url), 'utf8');

test('docs/security.md gives each limit of documents the default that it has', () => {
  const rows = [...page.matchAll(/^\|[^|]+\| `([A-Z_]+)` \| ([\d,]+) \|/gm)];
  const config = Object.entries(parseConfig({}));
  for (const [, name, amount = ''] of rows)
    expect([name, Number(amount.replaceAll(',', ''))]).toEqual(config.find(([variable]) => variable === name));
  const limits = Object.keys(variables.shape).filter((name) => /^(MAX_DOCUMENT|MAX_OPERATION_)/.test(name));
  expect(limits.filter((name) => !rows.some(([, named]) => named === name))).toEqual([]);
});

test('docs/security.md names variables that there are', () => {
  const named = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)].map(([, name]) => name ?? '');
  const codes = /^(GRAPHQL_|PERSISTED_|BAD_|RATE_LIMITED)/;
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(name in variables.shape) && !codes.test(name))).toEqual([]);
});

test('.env.example says how deep what GraphiQL asks about the schema is', async () => {
  const example = await readFile(new URL('../../.env.example', import.meta.url), 'utf8');
  const depth = Number(/about the schema takes (\d+)/.exec(example)?.[1]);
  const limits = { aliases: 0, directives: 0, rootFields: 1 };
  const document = parse(
    getIntrospectionQuery({ specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true, oneOf: true }),
  );
  expect(shapeExcess(document, { ...limits, depth })).toBeUndefined();
  expect(shapeExcess(document, { ...limits, depth: depth - 1 })).toEqual({ limit: 'depth', most: depth - 1 });
});
