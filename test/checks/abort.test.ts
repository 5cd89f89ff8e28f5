import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tryConnection } from '../../src/checks/connection.ts';
import { Requests } from '../../src/checks/requests.ts';
import { readTargetPolicy } from '../../src/checks/target-policy.ts';
import { eventually } from '../support/eventually.ts';
import { failureOf, run } from './run.ts';
import { fixture, openConnectionsOf, startSecureTarget, startSocketTarget, startTarget } from './target.ts';

const program = fileURLToPath(new URL('check-process.ts', import.meta.url));

/** Runs a check in a process of its own, which ends by itself, or is killed after a deadline, which fails. */
async function inProcess(args: string[], environment: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const env = { PATH: process.env['PATH'], ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, ...args], { env, timeout: 20_000 });
  return JSON.parse(stdout);
}

test.each([
  { when: 'before it began', target: () => startTarget((_, response) => response.end()), until: undefined },
  { when: 'while TLS is agreed on', target: async () => secured(await startSocketTarget(() => {})), until: 'connecting' },
  { when: 'while it waits for an answer', target: () => startTarget(() => {}), until: 'connected' },
  {
    when: 'while headers drip',
    target: () => startSocketTarget((socket) => void socket.write('HTTP/1.1 200 OK\r\nx-a: ')),
    until: 'connected',
  },
  { when: 'between two requests', target: () => startTarget((_, response) => response.end()), until: 'request 2' },
  { when: 'while it reads a body', target: () => startTarget((_, response) => void response.write('.')), until: 'connected' },
])('a check that is aborted $when ends at once with the reason, and holds no connection', async ({ target, until }) => {
  const url = await target();
  const ending = new AbortController();
  const reason = new Error('enough');
  if (until === undefined) ending.abort(reason);
  const progress = (_: number, message: string): void => {
    if (until !== undefined && message.startsWith(until)) setImmediate(() => ending.abort(reason));
  };
  expect(await failureOf(run('HEALTH', url, {}, { signal: ending.signal, progress }))).toBe(reason);
  await eventually('its connections are closed', () => openConnectionsOf(url) === 0);
});

const secured = (url: URL): URL => new URL(url.href.replace('http:', 'https:'));

test('one connection, and one request, have a limit of their own', async () => {
  const reach = { targets: readTargetPolicy(), signal: new AbortController().signal, attemptMs: 200 };
  const silent = await startSocketTarget(() => {});
  const dripping = await startSocketTarget((socket) => void socket.write('HTTP/1.1 200 OK\r\nx-a: '));
  expect((await failureOf(tryConnection(secured(silent), reach))).message).toBe(`${silent.host} did not answer within 0.2 s`);
  const client = new Requests(dripping, reach);
  expect((await failureOf(client.send())).message).toBe(`${dripping.host} did not answer within 0.2 s`);
  client.close();
  for (const url of [silent, dripping]) await eventually('its connections are closed', () => openConnectionsOf(url) === 0);
});

test('nothing of a check keeps a process alive, done or aborted', async () => {
  const url = await startSecureTarget('valid.pem', (_, response) => response.end('ok'));
  expect(await inProcess([url.href])).toMatchObject({ status: 200 });
  const hanging = await startTarget(() => {});
  expect(await inProcess([hanging.href, '500'])).toEqual({ error: 'enough' });
});

test('a certificate that this machine trusts', async () => {
  const url = await startSecureTarget('valid.pem', (_, response) => response.end('ok'));
  const trusting = { NODE_EXTRA_CA_CERTS: fileURLToPath(fixture('valid.pem')) };
  const result = await inProcess([url.href], trusting);
  expect(result).toMatchObject({ certificate: { trusted: true, distrust: null } });
  expect(result['findings']).toContainEqual(expect.objectContaining({ id: 'certificate-trust', outcome: 'pass' }));
});
