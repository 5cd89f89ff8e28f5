import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StartupError } from '../../src/startup-error.ts';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';
import { openBareSocket } from '../support/bare-socket.ts';
import { startTestApp } from '../support/test-app.ts';
import { type Reply, type Sent, transports } from '../support/transports.ts';

const documents = {
  read: 'query Read($id: String!) { assessment(assessmentId: $id) { state } }',
  watch: 'subscription Watch($id: String!) { assessmentUpdated(assessmentId: $id) { kind } }',
};
const variables = { id: 'there' };
const byHash = (id: unknown, rest: Sent = {}): Sent => ({
  extensions: { persistedQuery: { version: 1, sha256Hash: id } },
  variables,
  ...rest,
});
const freeText = { query: '{ __typename }' };

let folder: string;
/** Takes nothing else. */
let strict: AttackTarget;
/** Takes these, and all others as text. */
let lenient: AttackTarget;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trusted-'));
  const TRUSTED_DOCUMENTS = await fileOf(documents);
  strict = await startAttackTarget({ TRUSTED_DOCUMENTS, TRUSTED_DOCUMENTS_ONLY: true }, { documentId: 'read', variables });
  lenient = await startAttackTarget({ TRUSTED_DOCUMENTS });
});
afterAll(async () => {
  await Promise.all([strict.stop(), lenient.stop()]);
  await rm(folder, { recursive: true });
});

async function fileOf(content: unknown): Promise<string> {
  const path = join(folder, `${crypto.randomUUID()}.json`);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const codesOf = ({ errors = [] }: Reply): unknown[] => errors.map(({ extensions }) => extensions?.['code']);
const refused = ['PERSISTED_QUERY_ONLY', 'PERSISTED_QUERY_NOT_FOUND', 'BAD_REQUEST', 'GRAPHQL_PARSE_FAILED'];

/** What somebody might try to have another document run. */
const attempts: Record<string, Sent> = {
  'free text': freeText,
  'free text and no id': { ...freeText, documentId: null, extensions: { persistedQuery: null } },
  'free text with the id of another': { ...freeText, documentId: 'read' },
  'free text with the hash of another': byHash('read', freeText),
  'free text with an unknown id': { ...freeText, documentId: 'x' },
  'an unknown id': { documentId: 'x' },
  'an unknown hash': byHash('x'),
  'the name of what every object has': { documentId: 'constructor' },
  '__proto__ for an id': { documentId: '__proto__' },
  'an empty id': { documentId: '' },
  'an id that is a list': { documentId: ['read'] },
  'an id that is an object': { documentId: { toString: 'read' } },
  'a hash that is an object': byHash({ sha256Hash: 'read' }),
  'the text of a known one with another at its end': { query: `${documents.read} query X { __typename }`, operationName: 'X' },
  'the text of a known one with a comment': { query: `${documents.read} #` },
  'the text of a known one': { query: documents.read, variables },
  'what shows the schema': { query: '{ __schema { types { name } } }' },
  nothing: {},
};

describe.each(Object.entries(transports))('%s', (_way, send) => {
  test.each(Object.entries(attempts))('where only known documents are taken, %s is refused', async (_, sent) => {
    const reply = await send(strict.url, sent);
    expect(reply.data ?? null).toBeNull();
    expect(codesOf(reply)).toHaveLength(1);
    expect(refused).toContain(codesOf(reply)[0]);
    await strict.expectUnharmed();
  });

  test('a known one is run by its id and by its hash, with the text as well where it is the same', async () => {
    for (const target of [strict, lenient])
      for (const sent of [{ documentId: 'read', variables }, byHash('read'), byHash('read', { query: documents.read })])
        expect(await send(target.url, sent)).toMatchObject({ data: { assessment: { state: 'PENDING' } } });
    await strict.expectUnharmed();
  });

  test('where others are taken too, text is run, and an unknown id, or one with another text, is not', async () => {
    expect((await send(lenient.url, freeText)).data).toEqual({ __typename: 'Query' });
    expect(codesOf(await send(lenient.url, { documentId: 'x' }))).toEqual(['PERSISTED_QUERY_NOT_FOUND']);
    expect(codesOf(await send(lenient.url, { ...freeText, documentId: 'read' }))).toEqual(['BAD_REQUEST']);
    await lenient.expectUnharmed();
  });
});

test.each(['as server-sent events', 'over WebSocket'])('a known subscription is run %s, by its id alone', async (way) => {
  const subscribe = async (sent: Sent): Promise<Reply> => (await transports[way]?.(strict.url, { ...sent, variables })) ?? {};
  expect(await subscribe({ documentId: 'watch' })).toMatchObject({ data: { assessmentUpdated: { kind: 'SNAPSHOT' } } });
  expect(codesOf(await subscribe({ query: documents.watch }))).toEqual(['PERSISTED_QUERY_ONLY']);
  await strict.expectUnharmed();
});

describe('by GET', () => {
  const get = async (parameters: Record<string, string>, accept = 'application/json'): Promise<Reply> => {
    const response = await fetch(`${strict.url}?${new URLSearchParams(parameters)}`, { headers: { accept } });
    return { status: response.status, ...((await response.json()) as Reply) };
  };

  test('a known document is run, and no other', async () => {
    const given = { variables: JSON.stringify(variables) };
    const hash = JSON.stringify({ persistedQuery: { sha256Hash: 'read' } });
    for (const known of [{ documentId: 'read' }, { extensions: hash }])
      expect(await get({ ...given, ...known })).toMatchObject({ status: 200, data: { assessment: { state: 'PENDING' } } });
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      expect(codesOf(await get(freeText, accept))).toEqual(['PERSISTED_QUERY_ONLY']);
      expect(codesOf(await get({ ...freeText, documentId: 'read' }, accept))).toEqual(['BAD_REQUEST']);
      expect(codesOf(await get({ documentId: 'x' }, accept))).toEqual(['PERSISTED_QUERY_NOT_FOUND']);
    }
    await strict.expectUnharmed();
  });
});

test('a socket on which something else was tried goes on', async () => {
  const bare = await openBareSocket(strict.url);
  bare.say({ type: 'connection_init' });
  await bare.heard('connection_ack');
  bare.say({ id: '1', type: 'subscribe', payload: freeText });
  await bare.heard('error');
  bare.say({ id: '1', type: 'subscribe', payload: { query: '', documentId: 'read', variables } });
  await bare.heard('complete');
  bare.socket.close();
  expect((await bare.closed).code).toBe(1005);
  await strict.expectUnharmed();
});

test.each([
  ['a file that is not there', () => Promise.resolve('/nowhere/documents.json')],
  ['what is no JSON', () => fileOf('{')],
  ['a list', () => fileOf([documents.read])],
  ['what is no text', () => fileOf({ a: 1 })],
  ['a document that is none', () => fileOf({ a: '{' })],
  ['a document that does not fit the schema', () => fileOf({ a: '{ nothing }' })],
])('the service does not start with %s', async (_, path) => {
  const starting = startTestApp({ TRUSTED_DOCUMENTS: await path() });
  await expect(starting).rejects.toMatchObject({ failure: 'CONFIG_INVALID', message: expect.stringContaining('TRUSTED_DOCUMENTS') });
  await expect(starting).rejects.toBeInstanceOf(StartupError);
});
