import { expect, test } from 'vitest';
import type { Findings } from '../../demo/findings.ts';
import { checkServer, type HealthCheckOptions, type Step } from '../../demo/health-check.ts';
import { closedUrl, startSecureTarget, startSocketTarget, startTarget } from './target.ts';

const options = (more: Partial<HealthCheckOptions> = {}): HealthCheckOptions => ({
  ...{ requests: 4, pauseMs: 0, timeoutMs: 5_000, signal: new AbortController().signal, now: () => new Date() },
  ...more,
});

async function check(url: URL, more?: Partial<HealthCheckOptions>): Promise<{ steps: Step[]; found: Findings }> {
  const steps: Step[] = [];
  const checking = checkServer(url, options(more));
  for (;;) {
    const { done, value } = await checking.next();
    if (done) return { steps, found: value };
    steps.push(value);
  }
}

const checkNamed = (found: Findings, name: string) => found.checks.find((one) => one.name === name);

test('tells every step, and its progress never falls', async () => {
  const url = await startTarget((_, response) => response.end());
  const { steps, found } = await check(url);
  expect(steps.map(({ progress }) => progress)).toEqual([5, 20, 38, 57, 76, 95]);
  expect(steps.map(({ message }) => message.replace(/[\d.]+ ms/, '# ms'))).toEqual([
    `connecting to ${url.host}`,
    'connected in # ms',
    ...[1, 2, 3, 4].map((n) => `request ${n} of 4: 200 in # ms`),
  ]);
  expect(found).toMatchObject({ url: url.href, address: url.host, status: 200, latencyMs: { requests: 4, answered: 4 } });
  expect(found.latencyMs.p50).toBeGreaterThan(0);
  expect(found.latencyMs.max).toBeGreaterThanOrEqual(found.latencyMs.p95);
});

test('a redirect is reported, not followed', async () => {
  const asked: (string | undefined)[] = [];
  const url = await startTarget(({ url: path }, response) => {
    asked.push(path);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  const { found } = await check(url, { requests: 2 });
  expect(asked).toEqual(['/', '/']);
  expect(found.redirectsTo).toBe(`${url}elsewhere`);
  expect(checkNamed(found, 'status')).toEqual({
    name: 'status',
    outcome: 'warn',
    detail: `302: redirects to ${url}elsewhere, which was not followed`,
  });
});

test('security headers: those that are there and those that are missing; frame-ancestors stands for x-frame-options', async () => {
  const headers = { 'content-security-policy': "frame-ancestors 'none'", 'referrer-policy': 'no-referrer', server: 'nginx/1.18.0' };
  const url = await startTarget((_, response) => response.writeHead(200, headers).end());
  const { found } = await check(url, { requests: 1 });
  expect(found.securityHeaders).toEqual({
    present: ['content-security-policy', 'x-frame-options', 'referrer-policy'],
    missing: ['x-content-type-options'],
  });
  expect(checkNamed(found, 'security headers')?.outcome).toBe('warn');
  expect(checkNamed(found, 'server banner')).toMatchObject({ outcome: 'warn', detail: 'nginx/1.18.0: tells everybody its version' });
});

test('a server that stops answering after the first request fails the check of its answers', async () => {
  let requests = 0;
  const url = await startTarget(({ socket }, response) => {
    requests += 1;
    // From the second on, each comes by a connection of its own, which is closed without an answer.
    if (requests > 1) socket.destroy();
    else response.writeHead(200, { connection: 'close' }).end();
  });
  const { found } = await check(url);
  expect(found.latencyMs).toMatchObject({ requests: 4, answered: 1 });
  expect(checkNamed(found, 'answers')).toMatchObject({ outcome: 'fail', detail: expect.stringContaining('1 of 4 requests') });
  expect(found.verdict).toBe('fail');
});

test('a connection that the server closed while it was idle says nothing against the server', async () => {
  const served = new WeakSet<object>();
  const url = await startTarget(({ socket }, response) => {
    if (served.has(socket)) socket.destroy();
    else response.end();
    served.add(socket);
  });
  const { found } = await check(url);
  expect(found.latencyMs).toMatchObject({ requests: 4, answered: 4 });
});

test('an answer without an end does not hold the check up', async () => {
  const url = await startTarget((_, response) => {
    const pour = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', pour);
    pour();
  });
  const { found } = await check(url, { requests: 2, timeoutMs: 2_000 });
  expect(found.latencyMs).toMatchObject({ answered: 2 });
});

test('a check that is ended throws, and lets the connection go', async () => {
  const ending = new AbortController();
  const url = await startTarget((_, response) => void response);
  const checking = check(url, { signal: ending.signal });
  setImmediate(() => ending.abort(new Error('enough')));
  await expect(checking).rejects.toThrow('enough');
});

test.each([
  { what: 'nothing listens', target: closedUrl, says: /^127\.0\.0\.1:\d+ refused the connection: nothing listens on that port$/ },
  { what: 'it never answers', target: () => startTarget(() => {}), says: /did not answer within 0\.3 s$/ },
  {
    what: 'it hangs up',
    target: () => startSocketTarget((socket) => socket.destroy()),
    says: /closed the connection without an answer$/,
  },
  {
    what: 'it speaks something else',
    target: () => startSocketTarget((socket) => socket.end('220 mail.example.com ESMTP\r\n')),
    says: /answers, but not with HTTP/,
  },
  {
    what: 'it does not speak TLS',
    target: async () => new URL((await startTarget((_, response) => response.end())).href.replace('http:', 'https:')),
    says: /no TLS connection came about; perhaps it wants http:\/\/$/,
  },
  {
    what: 'its certificate is self-signed',
    target: () => startSecureTarget('valid.pem', (_, response) => response.end()),
    says: /^the certificate of 127\.0\.0\.1:\d+ is self-signed; to trust it/,
  },
  {
    what: 'its certificate has expired',
    target: () => startSecureTarget('expired.pem', (_, response) => response.end()),
    says: /^the certificate of 127\.0\.0\.1:\d+ expired on 2021-01-01, \d{4,} days ago$/,
  },
])('can not be checked, and says why: $what', async ({ target, says }) => {
  const failure = await check(await target(), { timeoutMs: 300 }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: 'UnreachableError', message: expect.stringMatching(says) });
});
