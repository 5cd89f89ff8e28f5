import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { endServices, sendTo, startService } from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { runCli, startCli } from './cli-process.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await endServices();
  await database.drop();
});

/** Something that answers at an address, and is not the service. */
async function startOther(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/graphql`;
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

const asking = [['list'], ['show', 'a'], ['cancel', 'a'], ['retry', 'a'], ['stats'], ['submit', '--type', 'health']];
const waiting = [['wait', 'a'], ['watch', 'a'], ['watch'], ['submit', '--type', 'health', '--wait']];

test.each([...asking, ...waiting].map((args) => ({ args })))('nobody there, $args: says so, and exits 7', async ({ args }) => {
  const url = `http://127.0.0.1:${await freePort()}/graphql`;
  const { code, out, err } = await runCli([...args, '--url', url, '--timeout', '1s']);
  expect(err).toMatch(/^error: the service (at http:\S+ does not answer \(ECONNREFUSED|did not answer: the 1\.0 s of --timeout are over)/m);
  expect({ code, out }).toEqual({ code: 7, out: '' });
  expect(err).not.toMatch(/\n\s+at |node_modules/);
});

test('the service is silent: exits 7 when the time is up; Ctrl-C ends it before', async () => {
  const url = await startOther(() => {});
  const silent = await runCli(['stats', '--url', url, '--timeout', '1s']);
  expect(silent).toMatchObject({
    code: 7,
    out: '',
    err: expect.stringMatching(/^error: the service at \S+ did not answer within \d+ ms\n$/),
  });

  const asked = startCli(['wait', 'a', '--url', url]);
  await eventually('it says that there is no answer yet', () => asked.printed().err !== '');
  asked.signal('SIGINT');
  expect(await asked.end()).toEqual({
    ...{ code: 130, signal: null, out: '' },
    err: `no answer yet from ${url}: trying again\nerror: interrupted by SIGINT\n`,
  });
});

test.each([
  { status: 404, code: 7, says: 'is no GraphQL answer; its status is 404' },
  { status: 200, code: 7, says: 'is no GraphQL answer; its status is 200' },
  { status: 401, code: 6, says: 'its status is 401' },
  { status: 403, code: 6, says: 'its status is 403' },
  { status: 502, code: 7, says: 'its status is 502' },
])('something else answers with $status: exits $code', async ({ status, code, says }) => {
  const url = await startOther((_, response) => response.writeHead(status, { 'content-type': 'text/html' }).end('<p>\u001b[2Jhello</p>'));
  for (const command of [['stats'], ['wait', 'a']]) {
    const end = await runCli([...command, '--url', url, '--timeout', '1s']);
    expect(end).toMatchObject({ code, out: '' });
    expect(end.err).toContain(says);
    expect(end.err).not.toContain('\u001b');
  }
});

test('the token is sent, and shown nowhere when it is refused', async () => {
  const sent: unknown[] = [];
  const url = await startOther((request, response) => {
    sent.push(request.headers.authorization);
    response.writeHead(401).end();
  });
  const { code, out, err } = await runCli(['list', '--url', url], { env: { ASSESSMENT_STORE_TOKEN: 'hush-hush' } });
  expect({ code, out, sent }).toEqual({ code: 6, out: '', sent: ['Bearer hush-hush'] });
  expect(err).not.toContain('hush');
});

test('a wait and a watch outlive a service that is killed and comes back', async () => {
  const PORT = String(await freePort());
  const service = startService({ PORT, DATABASE_URL: database.url });
  const url = await service.ready();
  await sendTo(url, 'mutation { createAssessment(input: { assessmentId: "a", type: HEALTH }) { __typename } }');
  const waits = startCli(['wait', 'a', '--url', url, '--json']);
  const watches = startCli(['watch', 'a', '--url', url, '--json']);
  const feeds = startCli(['watch', '--after', '0', '--url', url, '--json']);
  for (const cli of [watches, feeds]) await eventually('the state is shown', () => cli.printed().out.includes('PENDING'));
  await service.end('SIGKILL');

  const next = startService({ PORT, DATABASE_URL: database.url });
  await next.ready();
  await sendTo(url, 'mutation { startProcessing(input: { assessmentId: "a" }) { __typename } }');
  await sendTo(url, 'mutation { completeAssessment(input: { assessmentId: "a", result: { score: 1 } }) { __typename } }');
  expect(await waits.end()).toMatchObject({ code: 0, err: '', out: expect.stringContaining('"resultData":{"score":1}') });
  expect(await watches.end()).toMatchObject({ code: 0, err: '' });
  const versions = () => [...feeds.printed().out.matchAll(/"version":(\d+)/g)].map(([, version]) => version);
  await eventually('the feed has all', () => versions().length >= 3, 30_000);
  expect(versions()).toEqual(['1', '2', '3']);
  feeds.signal('SIGTERM');
  expect(await feeds.end()).toMatchObject({ code: 143 });
});
