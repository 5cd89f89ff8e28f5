import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Api } from '../../demo/api.ts';
import { exitCodes } from '../../src/startup-error.ts';
import { closedUrl, fixture, startSecureTarget, startTarget } from '../checks/target.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { runDemo, startDemo } from './demo-process.ts';
import { history } from './documents.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

/** What the service knows of the assessment of a target; they are told apart by the URL that was submitted. */
async function assessmentOf(target: URL) {
  const { assessments } = await new Api(new URL(service.url)).ask(history, { search: `"${target.href}"` });
  expect(assessments.nodes).toHaveLength(1);
  return assessments.nodes[0] as NonNullable<(typeof assessments.nodes)[0]>;
}
const onService = () => ({ API_URL: service.url });

const protection = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

test('a healthy server: completes with the findings, prints the table, exits 0', async () => {
  let requests = 0;
  const target = await startTarget((_, response) => {
    requests += 1;
    response.writeHead(200, protection).end('ok');
  });
  const { code, out, err } = await runDemo([target.href], onService());
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/✔ COMPLETED in .+; verdict: ✔ pass\n/);
  expect(out).toMatch(/^ {2}status +✔ pass {2}200$/m);
  expect(out).toMatch(/^ {2}answers +✔ pass {2}10 of 10 requests$/m);
  expect(out).not.toContain('\u001b');
  expect(requests).toBe(10);

  const { auditTrail, resultData, ...assessment } = await assessmentOf(target);
  expect(assessment).toEqual({ type: 'HEALTH', state: 'COMPLETED', progress: 100, errorMessage: null, retryCount: 0 });
  expect(resultData).toMatchObject({ type: 'HEALTH', verdict: 'pass', url: target.href, status: 200, certificate: null });
  expect(auditTrail.nodes.slice(0, 4).map(({ newState, progress }) => [newState, progress])).toEqual([
    ['PENDING', 0],
    ['PROCESSING', 0],
    ['PROCESSING', 0],
    ['PROCESSING', 15],
  ]);
});

test('a server that answers 500 was assessed all the same: COMPLETED with a failed check, exit 0', async () => {
  const target = await startTarget((_, response) => response.writeHead(500).end());
  const { code, out } = await runDemo([target.href], onService());
  expect(code).toBe(0);
  expect(out).toContain('verdict: ✘ fail');
  expect(out).toMatch(/^ {2}status +✘ fail {2}500$/m);
  expect(await assessmentOf(target)).toMatchObject({ state: 'COMPLETED', resultData: { verdict: 'fail', status: 500 } });
});

test('a server that does not answer: FAILED without a retry, says why, exits 1', async () => {
  const target = await closedUrl();
  const { code, out } = await runDemo([target.href], onService());
  expect(code).toBe(1);
  const reason = `${target.host} refused the connection: nothing listens on that port`;
  expect(out).toContain(`✘ FAILED: ${reason}\n`);
  expect(await assessmentOf(target)).toMatchObject({ state: 'FAILED', errorMessage: reason, retryCount: 0 });
});

test('https: the certificate is among the findings', async () => {
  const target = await startSecureTarget('valid.pem', (_, response) =>
    response.writeHead(200, { ...protection, 'strict-transport-security': 'max-age=31536000' }).end(),
  );
  const { code, out } = await runDemo([target.href], { ...onService(), NODE_EXTRA_CA_CERTS: fileURLToPath(fixture('valid.pem')) });
  expect(code).toBe(0);
  expect(out).toContain('verdict: ✔ pass');
  expect(out).toMatch(/^ {2}certificate-trust +✔ pass {2}localhost, issued by localhost$/m);
  expect(out).toMatch(/^ {2}certificate-expiry +✔ pass {2}\d+ days left, until 2120-01-01$/m);
  const { resultData } = await assessmentOf(target);
  expect(resultData).toMatchObject({ certificate: { subject: 'localhost', validTo: '2120-01-01T00:00:00.000Z', trusted: true } });
});

test('https with a certificate that has expired: COMPLETED with a failed check that says since when, exits 0', async () => {
  const target = await startSecureTarget('expired.pem', (_, response) => response.end());
  const { code, out } = await runDemo([target.href], onService());
  expect(code).toBe(0);
  expect(out).toContain('verdict: ✘ fail');
  expect(out).toMatch(/^ {2}certificate-expiry +✘ fail {2}expired on 2021-01-01, \d+ days ago$/m);
});

test('Ctrl-C cancels the assessment and exits 130', async () => {
  const target = await startTarget(() => {}); // never answers
  const demo = startDemo([target.href], onService());
  await eventually('the worker is connected', () => demo.printed().out.includes('connected'));
  demo.interrupt();
  const { code, err } = await demo.end();
  expect(err).toContain('interrupted by SIGINT');
  expect(code).toBe(130);
  const { state, auditTrail } = await assessmentOf(target);
  expect(state).toBe('CANCELLED');
  expect(auditTrail.nodes.at(-1)?.reason).toBe('the demo was interrupted');
});

test('a URL that is none: says how it is used, exits 2', async () => {
  const { code, out, err } = await runDemo(['example.com'], onService());
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/must begin with http:\/\/ or https:\/\/.+ not "example\.com"\nusage: npm run demo \[URL\]/);
});

test('without API_URL it starts the service, checks that, and stops it again', async () => {
  const database = await createTestDatabase();
  const { code, out, err } = await runDemo([], { DATABASE_URL: database.url });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const [, url] = /service +(\S+) \(started for this demo\)/.exec(out) ?? [];
  expect(out).toContain(`target      ${new URL('/health/ready', url)}\n`);
  expect(out).toMatch(/^ {2}status +✔ pass {2}200$/m);
  await expect(fetch(url as string)).rejects.toThrow();
  await database.drop();
});

test('a service that runs on the usual port is used, not a second one started', async () => {
  const { port } = new URL(service.url);
  const target = await startTarget((_, response) => response.end());
  const { code, out } = await runDemo([target.href], { PORT: port });
  expect(out).toContain(`service     ${service.url} (running already)`);
  expect(code).toBe(0);
});

test('no service can be had: says why, and exits as the service would', async () => {
  const nothing = await closedUrl();
  const named = await runDemo([], { API_URL: `${nothing}graphql` });
  expect(named).toMatchObject({ code: 1, err: expect.stringContaining(`the service at ${nothing}graphql does not answer (ECONNREFUSED)`) });
  const started = await runDemo([], { DATABASE_URL: 'nowhere' });
  expect(started).toMatchObject({ code: exitCodes.CONFIG_INVALID, err: expect.stringContaining('DATABASE_URL must be a URL') });
});
