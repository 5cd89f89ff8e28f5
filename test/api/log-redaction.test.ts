import { request } from 'node:http';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import WebSocket from 'ws';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

const secret = 'hunter2-Zq9';
const forged = `x"}\n{"level":60,"msg":"forged-line"}\r\n`;

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

const parsed = () => service.logged.map((line) => JSON.parse(line) as Record<string, unknown>);
const create = 'mutation ($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename ... on Error { message } } }';
const headers = { authorization: `Bearer ${secret}`, cookie: `session=${secret}`, 'x-api-key': secret };

/** Requests that go wrong in every way that is logged, with a secret wherever a client can put one. */
async function misbehave(): Promise<void> {
  const input = { assessmentId: `id-${secret}`, type: 'HEALTH', serverName: 'refused', metadata: { password: secret, note: secret } };
  const psql = await service.database.connect();
  await psql.query("alter table assessment_states add constraint none_of_these check (server_name <> 'refused')");
  expect(JSON.stringify((await service.send(create, { input }, headers)).data)).toContain('none_of_these');
  await psql.query('alter table assessment_states rename column message to message_away');
  const failing = await service.send(create, { input: { ...input, serverName: secret } }, headers);
  const listed = await service.send(`{ assessments(search: "${secret}") { nodes { message } } }`, {}, headers);
  expect([failing, listed].flatMap(({ errors }) => errors?.map(({ extensions }) => extensions['code']) ?? [])).toContain('INTERNAL');
  const client = createClient({
    url: `${service.url.replace('http', 'ws')}?token=${secret}`,
    ...{ webSocketImpl: WebSocket, retryAttempts: 0, connectionParams: { authorization: `Bearer ${secret}` } },
  });
  await client.iterate({ query: `{ assessments(search: "${secret}") { nodes { message } } }` }).next();
  await client.dispose();
  await psql.query('alter table assessment_states rename column message_away to message');
  await psql.query('alter table assessment_states drop constraint none_of_these');
  await fetch(`${service.url}?access_token=${secret}&query=${encodeURIComponent(`{ nothing(password: "${secret}") }`)}`, { headers });
  await fetch(service.url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: `{"secret": "${secret}"` });
  await fetch(`${new URL(service.url).origin}/elsewhere?password=${secret}`, { headers });
}

test('no secret of a header, a variable, a document or an address is in the log, and no body', async () => {
  await misbehave();
  const messages = parsed().map(({ msg }) => msg);
  expect(messages).toContain('the database refused a value that the input checks let pass');
  expect(messages).toContain('a request failed for a reason that is not its own');
  expect(service.logged.filter((line) => line.includes(secret))).toEqual([]);
});

test('whoever asked stands in the line of a fault: request, tenant, subject', async () => {
  const psql = await service.database.connect();
  await psql.query('alter table assessment_states rename to assessments_away');
  const answer = await service.send('{ assessments { nodes { state } } }', {}, { 'x-request-id': 'asked-by-me' });
  await psql.query('alter table assessments_away rename to assessment_states');
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'INTERNAL', requestId: 'asked-by-me' });
  const [line] = parsed().filter(({ requestId }) => requestId === 'asked-by-me');
  expect(line).toMatchObject({
    level: 50,
    tenant: 'default',
    subject: 'anonymous',
    path: 'assessments',
    err: { message: expect.any(String) },
  });
});

/** Sends a header as it stands, which `fetch` would refuse. */
const sendRaw = (value: string): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const sent = request(service.url, { method: 'GET', headers: { accept: 'application/json' } }, (answer) => {
      answer.resume().on('end', () => resolve(answer.headers['x-request-id'] as string));
    });
    sent.on('error', reject);
    sent.setHeader('x-request-id', value);
    sent.end();
  });

test('what clients send makes no lines: ids of requests are given anew, values stand in quotes', async () => {
  const psql = await service.database.connect();
  await psql.query('alter table assessment_states rename to assessments_away');
  await service.send('query ($id: String!) { assessment(assessmentId: $id) { state } }', { id: forged });
  await service.send(`{ ${'alias'}: assessments(search: ${JSON.stringify(forged)}) { nodes { state } } }`);
  await psql.query('alter table assessments_away rename to assessment_states');
  for (const id of ['with space', '{"level":60}', 'x'.repeat(200), 'caf\u00e9']) expect(await sendRaw(id)).toMatch(/^[\da-f-]{36}$/);
  const lines = service.logged.join('').split('\n');
  expect(lines.pop()).toBe('');
  expect(lines).toHaveLength(service.logged.length);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ msg: expect.not.stringContaining('forged-line') });
});

test.skipIf(inject('redisUrl') === '')('a password that Redis refuses is not in the log', async () => {
  const url = Object.assign(new URL(inject('redisUrl')), { username: 'nobody', password: secret }).href;
  const other = await startTestApp({ REDIS_URL: url }, service.database);
  await eventually('Redis has refused it', () => other.logged.some((line) => line.includes('Redis is away')));
  const health = await (await fetch(new URL('/health/ready', other.url))).text();
  await other.stop();
  expect(other.logged.filter((line) => line.includes(secret))).toEqual([]);
  expect(health).toContain('DEGRADED');
  expect(health).not.toContain(secret);
});
