import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

const dashboard = 'https://dashboard.example.com';

let service: TestApp;
let raw: RawSocket;
beforeAll(async () => {
  service = await startTestApp({ ALLOWED_ORIGINS: [dashboard] });
  raw = await openRawSocket(service.url);
});
afterAll(async () => {
  raw.socket.close();
  await service.stop();
});

let operations = 0;
async function overSocket(query: string): Promise<unknown> {
  const id = `operation-${operations++}`;
  raw.subscribe(id, query);
  const { payload } = await raw.received(id, 'next');
  await raw.received(id, 'complete');
  return payload;
}

test('mutations, refusals and queries work over a socket as they do over HTTP', async () => {
  const create = (input: string) =>
    `mutation { createAssessment(input: { assessmentId: "socket", type: HEALTH ${input} }) { __typename
      ... on CreateAssessmentPayload { created assessment { state version } } ... on AlreadyExistsError { message } } }`;
  expect(await overSocket(create(''))).toEqual({
    data: { createAssessment: { __typename: 'CreateAssessmentPayload', created: true, assessment: { state: 'PENDING', version: 1 } } },
  });
  for (const query of [
    create(''),
    create('priority: 1'),
    '{ assessment(assessmentId: "socket") { id assessmentId createdAt auditTrail(first: 1) { nodes { changedBy } } } }',
    '{ assessments(first: 101) { totalCount } }',
    '{ waitForAssessment(assessmentId: "nowhere") { __typename ... on NotFoundError { message code } } }',
    'query Two($first: Int = 1) { __typename @skip(if: false) assessments(first: $first) { pageInfo { hasNextPage } } }',
  ]) {
    const { data, errors } = await service.send(query);
    const answer = (await overSocket(query)) as { data: unknown; errors?: unknown[] };
    expect(answer.data).toEqual(data);
    expect(answer.errors).toEqual(errors);
  }
});

test('a fault of the service is masked over a socket as over HTTP, and found in the log by its request id', async () => {
  const operator = await service.database.connect();
  await operator.query('alter table assessment_state_audit rename to audit_elsewhere');
  const query = '{ assessment(assessmentId: "socket") { auditTrail(first: 3) { nodes { newState } } } }';
  const http = await service.send(query);
  const { errors = [] } = (await overSocket(query)) as { errors?: typeof http.errors };
  await operator.query('alter table audit_elsewhere rename to assessment_state_audit');

  expect(errors).toHaveLength(1);
  expect(errors[0]).toEqual({
    ...http.errors?.[0],
    extensions: { code: 'INTERNAL', requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  });
  expect(JSON.stringify(errors)).not.toMatch(/audit_|select|relation|prisma/i);
  const logged = service.logged.map((line) => JSON.parse(line) as { requestId?: string; err?: { message: string } });
  const cause = logged.find(({ requestId }) => requestId === errors[0]?.extensions['requestId'])?.err?.message;
  expect(cause).toContain('assessment_state_audit');
  expect(await overSocket('{ __typename }')).toEqual({ data: { __typename: 'Query' } });
});

async function statusFor(origin: string): Promise<number> {
  const socket = new WebSocket(service.url.replace('http', 'ws'), 'graphql-transport-ws', { headers: { origin } });
  socket.on('error', () => {});
  const status = await Promise.race([
    once(socket, 'open').then(() => 101),
    once(socket, 'unexpected-response').then(([, answer]) => (answer as IncomingMessage).statusCode ?? 0),
  ]);
  socket.terminate();
  return status;
}

test('pages of other sites may not open a socket; those of the service and of the list may, and programs without an origin', async () => {
  const { host, port } = new URL(service.url);
  for (const origin of [
    'https://evil.example',
    'null',
    '',
    `http://127.0.0.1:${Number(port) + 1}`,
    `http://evil.example/${host}`,
    `http://${host}.evil.example`,
    `${dashboard}.evil.example`,
    'http://dashboard.example.com',
  ])
    expect([origin, await statusFor(origin)]).toEqual([origin, 403]);
  for (const origin of [`http://${host}`, dashboard]) expect([origin, await statusFor(origin)]).toEqual([origin, 101]);
  const program = await openRawSocket(service.url);
  program.socket.close();
});
