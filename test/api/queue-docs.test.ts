import { readFile } from 'node:fs/promises';
import { parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../src/schema/index.ts';

test('every example of docs/queue.md is a document that the schema accepts', async () => {
  const text = await readFile(new URL('../../docs/queue.md', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/```graphql\n(.*?)```/gs)].map(([, example]) => example ?? '');
  expect(examples.length).toBeGreaterThan(3);
  for (const example of examples) expect(validate(schema, parse(example))).toEqual([]);
});
