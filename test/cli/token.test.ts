import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { testSecret, withTokens } from '../support/tokens.ts';
import { runCli, startCli } from './cli-process.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp(withTokens);
});
afterAll(() => service.stop());

const secret = { AUTH_JWT_SECRET: testSecret };
const tokenBy = async (args: string[], env: Record<string, string> = secret): Promise<string> => {
  const { code, out, err } = await runCli(['token', ...args], { env });
  expect({ code, err, lines: out.split('\n').length }).toEqual({ code: 0, err: '', lines: 2 });
  return out.trim();
};
const at = (token: string) => ({ ASSESSMENT_STORE_URL: service.url, ASSESSMENT_STORE_TOKEN: token });

test('token prints a token, and nothing else, that says what was asked for', async () => {
  const args = ['--subject', 'me', '--tenant', 'acme', '--scope', 'assessments:read', '--expires', '5m'];
  const token = await tokenBy(args, { ...secret, AUTH_ISSUER: 'https://id.test', AUTH_AUDIENCE: 'assessments' });
  const { exp = 0, iat = 0, ...claims } = decodeJwt(token);
  expect(claims).toEqual({ sub: 'me', tenant: 'acme', scope: 'assessments:read', iss: 'https://id.test', aud: 'assessments' });
  expect(Math.abs(exp - iat - 300)).toBeLessThanOrEqual(1);
  expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'HS256' });
  const long = await tokenBy([], { AUTH_JWT_SECRET: 'x'.repeat(64), AUTH_ALGORITHMS: 'HS512' });
  expect(decodeProtectedHeader(long)).toMatchObject({ alg: 'HS512' });
});

test('with it the other commands work, for its tenant and within its scopes', async () => {
  const [full, reader, other] = await Promise.all([
    tokenBy(['--subject', 'me']),
    tokenBy(['--scope', 'assessments:read']),
    tokenBy(['--tenant', 'other']),
  ]);
  const submit = ['submit', '--type', 'health', '--id', 'by-token'];
  const without = await runCli(submit, { env: { ASSESSMENT_STORE_URL: service.url } });
  expect(without).toMatchObject({ code: 6, out: '', err: expect.stringContaining('There is no token') });
  const read = await runCli(submit, { env: at(reader) });
  expect(read).toMatchObject({ code: 6, out: '', err: expect.stringContaining('assessments:write') });
  expect(await runCli([...submit, '--token', full], { env: { ASSESSMENT_STORE_URL: service.url } })).toMatchObject({
    code: 0,
    out: 'by-token\n',
  });
  const waiting = startCli(['wait', 'by-token', '--timeout', '1m'], { env: at(reader) });
  const watching = startCli(['watch', '--after', '0', '--json'], { env: at(reader) });
  await eventually('the watch shows it', () => watching.printed().out.includes('by-token'));
  expect(await runCli(['show', 'by-token'], { env: at(other) })).toMatchObject({ code: 6, err: expect.stringContaining('no assessment') });
  expect(await runCli(['cancel', 'by-token'], { env: at(full) })).toMatchObject({ code: 0 });
  expect(await waiting.end()).toMatchObject({ code: 3 });
  watching.signal('SIGINT');
  await watching.end();
  expect((await runCli(['show', 'by-token'], { env: at(reader) })).out).toMatch(/CANCELLED +by me\n/);
});

test('a worker with a token does its work', async () => {
  const [worker, full] = await Promise.all([tokenBy(['--subject', 'crew', '--scope', 'assessments:work']), tokenBy([])]);
  const running = startCli(['worker'], { env: at(worker) });
  onTestFinished(async () => {
    running.signal('SIGTERM');
    await running.end();
  });
  const metadata = JSON.stringify({ url: `${new URL(service.url).origin}/health/live` });
  const args = ['submit', '--type', 'health', '--id', 'worked', '--metadata', metadata, '--wait', '--timeout', '1m'];
  expect(await runCli(args, { env: at(full) })).toMatchObject({ code: 0 });
  expect((await runCli(['show', 'worked'], { env: at(full) })).out).toMatch(/COMPLETED +by crew\n/);
});

test.each([
  ['in production', { ...secret, NODE_ENV: 'production' }, [], 'NODE_ENV is production'],
  ['without a secret', {}, [], 'AUTH_JWT_SECRET is not set'],
  ['with a secret that is too short', { AUTH_JWT_SECRET: 'short' }, [], 'at least 32 bytes'],
  ['for a subject that the service would refuse', secret, ['--subject', 'service:worker'], 'claim sub'],
  ['for a tenant that the service would refuse', secret, ['--tenant', 'a b'], 'claim tenant'],
  ['with an option that means nothing to it', secret, ['--json'], "option '--json' has no meaning"],
  ['with a life that is none', secret, ['--expires', 'soon'], 'It must be a time'],
])('token refuses %s, and shows no secret', async (_, env, args, why) => {
  const { code, out, err } = await runCli(['token', ...args], { env });
  expect({ code, out, err }).toEqual({ code: 2, out: '', err: expect.stringContaining(why) });
  expect(err).not.toContain(testSecret);
});
