import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const updated =
  'subscription ($id: String!, $after: Int) { assessmentUpdated(assessmentId: $id, afterVersion: $after) { kind assessment { version } } }';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ MAX_REQUEST_BYTES: 16_384 });
});
afterAll(() => service.stop());

// Beside every bad operation a good subscription is open on the same socket; after it, that one must go on to its end.
let assessmentId: string;
let raw: RawSocket;
beforeEach(async () => {
  assessmentId = randomUUID();
  await service.app.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  raw = await openRawSocket(service.url);
  raw.subscribe('good', updated, { variables: { id: assessmentId } });
  await raw.received('good', 'next');
});
afterEach(async () => {
  await service.app.store.cancelAssessment({ assessmentId }, actor);
  await raw.received('good', 'complete');
  expect(raw.typesOf('good')).toEqual(['next', 'next', 'complete']);
  raw.socket.close();
  await raw.closed;
  expect(service.app.store.watching).toBe(0);
});

const refused: [string, string, object, object][] = [
  ['an unknown assessment', updated, { variables: { id: 'nowhere' } }, { extensions: { code: 'NOT_FOUND' } }],
  ['a syntax error', 'subscription { assessmentUpdated(', {}, { message: expect.stringMatching(/^Syntax Error/) }],
  ['an empty document', '', {}, { message: expect.stringMatching(/^Syntax Error/) }],
  ['an unknown field', 'subscription { nonsense }', {}, { message: expect.stringContaining('nonsense') }],
  ['an unknown field of a query', '{ nonsense }', {}, { message: expect.stringContaining('nonsense') }],
  ['a variable that is missing', updated, {}, { extensions: { code: 'BAD_USER_INPUT' } }],
  ['a variable of a wrong type', updated, { variables: { id: 7 } }, { extensions: { code: 'BAD_USER_INPUT' } }],
  [
    'a variable of a wrong type of a query',
    'query ($id: String!) { assessment(assessmentId: $id) { id } }',
    { variables: { id: {} } },
    { extensions: { code: 'BAD_USER_INPUT' } },
  ],
  ['an unknown operationName', updated, { operationName: 'Other' }, { message: expect.stringMatching(/operation/i) }],
  [
    'an unknown operationName of a query',
    'query A { __typename }',
    { operationName: 'B' },
    { message: expect.stringMatching(/operation/i) },
  ],
  ['two operations and no name', 'query A { __typename } query B { __typename }', {}, { message: expect.stringMatching(/operation/i) }],
  ['an empty key', updated, { variables: { id: '' } }, { extensions: { code: 'BAD_USER_INPUT', argument: 'assessmentId' } }],
  ['a key with NUL', updated, { variables: { id: 'a\0' } }, { extensions: { code: 'BAD_USER_INPUT', argument: 'assessmentId' } }],
];

test.each(refused)('%s is answered with an error for this operation alone', async (_, query, payload, expected) => {
  raw.subscribe('bad', query, payload);
  const { payload: errors } = await raw.received('bad', 'error');
  expect(errors).toMatchObject([expected]);
  expect(raw.typesOf('bad')).toEqual(['error']);
  // The id is free again.
  raw.subscribe('bad', '{ __typename }');
  await raw.received('bad', 'complete');
  expect(raw.typesOf('bad')).toEqual(['error', 'next', 'complete']);
});

test('a version that the assessment has not reached is answered with BAD_USER_INPUT that names it', async () => {
  raw.subscribe('ahead', updated, { variables: { id: assessmentId, after: 2 } });
  const { payload } = await raw.received('ahead', 'error');
  expect(payload).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: 'afterVersion' } }]);
});

test('an error in a field is answered beside the data, as over HTTP', async () => {
  const query = 'query ($id: String!) { __typename assessment(assessmentId: $id) { id } }';
  raw.subscribe('partial', query, { variables: { id: '' } });
  const { payload } = await raw.received('partial', 'next');
  const { data, errors } = await service.send(query, { id: '' });
  expect(payload).toEqual(JSON.parse(JSON.stringify({ data, errors })));
  expect(payload).toMatchObject({ data: { __typename: 'Query', assessment: null }, errors: [{ path: ['assessment'] }] });
});

test('a message over the limit closes its own socket with 1009, no other, and is not shouted about', async () => {
  const console = vi.spyOn(globalThis.console, 'error');
  const big = await openRawSocket(service.url);
  big.subscribe('good', updated, { variables: { id: assessmentId } });
  await big.received('good', 'next');
  expect(service.app.store.watching).toBe(2);
  big.subscribe('big', '{ __typename }', { variables: { padding: 'x'.repeat(16_384) } });
  expect(await big.closed).toBe(1009);
  expect(console).not.toHaveBeenCalled();
  raw.subscribe('after', '{ __typename }');
  await raw.received('after', 'next');
  expect(service.app.store.watching).toBe(1);
});
