import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { authorizationOf, withTokens } from '../support/tokens.ts';
import { transports } from '../support/transports.ts';

// With authentication, whoever has no token is refused before a document is looked at. That production does not start without authentication is
// tested elsewhere: here it is, as if somebody had got around that.
let open: AttackTarget;
let guarded: TestApp;
beforeAll(async () => {
  open = await startAttackTarget({ NODE_ENV: 'production' });
  guarded = await startTestApp({ NODE_ENV: 'production', ...withTokens });
});
afterAll(() => Promise.all([open.stop(), guarded.stop()]));

const looks: Record<string, string> = {
  'the schema': '{ __schema { types { name } } }',
  'a type': '{ __type(name: "Assessment") { fields { name } } }',
  'a type, by a fragment': '{ ...f } fragment f on Query { x: __type(name: "Assessment") { name } }',
};
const guesses = [
  '{ assesment(assessmentId: "a") { id } }',
  '{ assessments { nodes { stat } } }',
  '{ assessments(frst: 1) { nodes { id } } }',
];

describe.each(Object.entries(transports))('somebody unknown, in production, %s', (_, send) => {
  test.each(Object.entries(looks))('is not shown %s', async (_name, query) => {
    const { data, errors } = await send(open.url, { query });
    expect(data ?? null).toBeNull();
    expect(errors?.[0]?.message).toContain('introspection');
    await open.expectUnharmed();
  });

  test.each(guesses)('is not helped to guess: %s', async (query) => {
    const { errors = [] } = await send(open.url, { query });
    expect(errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(errors)).not.toContain('Did you mean');
    await open.expectUnharmed();
  });
});

test('whoever has a token is shown the schema, and helped with names', async () => {
  const token = await authorizationOf();
  expect((await guarded.send(looks['the schema'] ?? '', {}, token)).errors).toBeUndefined();
  for (const query of guesses) expect((await guarded.send(query, {}, token)).errors?.[0]?.message).toContain('Did you mean');
});

test.each([
  ['by POST', 'POST', '', 'application/json'],
  ['by GET', 'GET', '?query={assesment{id}}', 'application/json'],
  ['by GET, as a browser asks for a page', 'GET', '?query={assesment{id}}', 'text/html,application/json'],
  ['by GET, with the name of the parameter written otherwise', 'GET', '?q%75ery={assesment{id}}', 'text/html,application/json'],
  ['by GET, with an id', 'GET', '?documentId=x', 'text/html,application/json'],
])('whoever has no token learns nothing about a document, %s', async (_, method, search, accept) => {
  const response = await fetch(`${guarded.url}${search}`, {
    method,
    headers: { accept, 'content-type': 'application/json' },
    ...(method === 'POST' && { body: JSON.stringify({ query: guesses[0] }) }),
  });
  expect(response.status).toBe(401);
  expect(await response.text()).not.toMatch(/Did you mean|Cannot query|no document/);
});
