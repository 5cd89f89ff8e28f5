import { expect, test } from 'vitest';
import { failureOf, run } from './run.ts';
import { closedUrl, startOldTlsTarget, startSecureTarget, startSocketTarget, startTarget } from './target.ts';

test('a healthy server: status, latency, and progress that rises from 0 to 99', async () => {
  let requests = 0;
  const url = await startTarget((_, response) => {
    requests += 1;
    response.end('ok');
  });
  const { result, progress, of } = await run('HEALTH', url);
  expect(requests).toBe(10);
  expect(result).toMatchObject({ type: 'HEALTH', verdict: 'pass', url: url.href, status: 200, certificate: null });
  expect(result['latencyMs']).toMatchObject({ requests: 10, answered: 10 });
  const { p50, p95, max } = result['latencyMs'] as { p50: number; p95: number; max: number };
  expect(p50).toBeGreaterThan(0);
  expect([p50, p95, max]).toEqual([p50, p95, max].toSorted((a, b) => a - b));
  expect(of('certificate-trust')).toBe('not-applicable: there is no TLS');
  const percents = progress.map(({ percent }) => percent);
  expect(percents).toEqual(percents.toSorted((a, b) => a - b));
  expect([percents[0], percents.at(-1)]).toEqual([0, 99]);
  expect(JSON.parse(JSON.stringify(result))).toEqual(result);
});

test.each([
  { status: 204, verdict: 'pass' },
  { status: 401, verdict: 'warn' },
  { status: 302, verdict: 'warn' },
  { status: 404, verdict: 'fail' },
  { status: 503, verdict: 'fail' },
])('status $status: $verdict', async ({ status, verdict }) => {
  const url = await startTarget((_, response) => response.writeHead(status).end());
  expect((await run('HEALTH', url)).result).toMatchObject({ verdict, status });
});

test('a certificate that is not trusted, or has expired, is a finding and not an error', async () => {
  const selfSigned = await run('HEALTH', await startSecureTarget('valid.pem', (_, response) => response.end()));
  expect(selfSigned.of('certificate-trust')).toMatch(/^fail: the certificate of 127\.0\.0\.1:\d+ is self-signed; to trust it/);
  expect(selfSigned.of('certificate-expiry')).toMatch(/^pass: \d+ days left, until 2120-01-01$/);
  expect(selfSigned.result['certificate']).toMatchObject({ subject: 'localhost', issuer: 'localhost', trusted: false });
  const expired = await run('HEALTH', await startSecureTarget('expired.pem', (_, response) => response.end()));
  expect(expired.of('certificate-expiry')).toMatch(/^fail: expired on 2021-01-01, \d{4,} days ago$/);
  expect(expired.result).toMatchObject({ verdict: 'fail', status: 200 });
});

test('a server that knows only TLS 1.0 is met with that', async () => {
  const url = await startOldTlsTarget('TLSv1', (_, response) => response.end());
  const { result } = await run('HEALTH', url);
  expect(result).toMatchObject({ status: 200, details: { tls: { version: 'TLSv1' } } });
});

test('a server that stops answering after the first request fails', async () => {
  let requests = 0;
  const url = await startTarget(({ socket }, response) => {
    requests += 1;
    // From the second on, each comes by a connection of its own, which is closed without an answer.
    if (requests > 1) socket.destroy();
    else response.writeHead(200, { connection: 'close' }).end();
  });
  const { result, of } = await run('HEALTH', url);
  expect(result).toMatchObject({ verdict: 'fail', latencyMs: { requests: 10, answered: 1 } });
  expect(of('answers')).toMatch(/^fail: 1 of 10 requests; the first other one: .+ closed the connection/);
});

test('a connection that the server closed while it was idle says nothing against the server', async () => {
  const served = new WeakSet<object>();
  const url = await startTarget(({ socket }, response) => {
    if (served.has(socket)) socket.destroy();
    else response.end();
    served.add(socket);
  });
  expect((await run('HEALTH', url)).result['latencyMs']).toMatchObject({ requests: 10, answered: 10 });
});

test('a body without an end is read no further than 1 MiB', async () => {
  let written = 0;
  const url = await startTarget((_, response) => {
    const pour = (): void => {
      written += 65_536;
      response.write(Buffer.alloc(65_536));
    };
    response.on('drain', pour);
    pour();
  });
  expect((await run('SECURITY', url)).result).toMatchObject({ status: 200 });
  // What the buffers of both ends hold comes on top.
  expect(written).toBeLessThan(16 * 1024 * 1024);
});

test('a body that drips does not hold the check up', async () => {
  const url = await startTarget((_, response) => void response.write('.'));
  expect((await run('SECURITY', url, { timeout: 5_000 })).result).toMatchObject({ status: 200 });
});

test.each([
  { what: 'nothing listens', target: closedUrl, says: /^127\.0\.0\.1:\d+ refused the connection: nothing listens on that port$/ },
  {
    what: 'it hangs up',
    target: () => startSocketTarget((socket) => void socket.once('data', () => socket.destroy())),
    says: /closed the connection without an answer$/,
  },
  {
    what: 'it speaks something else',
    target: () => startSocketTarget((socket) => socket.end('220 mail.example.com ESMTP\r\n')),
    says: /answers, but not with HTTP/,
  },
  {
    what: 'its head is too large',
    target: () => startTarget((_, response) => response.writeHead(200, { 'x-large': 'x'.repeat(100_000) }).end()),
    says: /answers with headers that are larger than \d+ bytes$/,
  },
  {
    what: 'it does not speak TLS',
    target: async () => new URL((await startTarget((_, response) => response.end())).href.replace('http:', 'https:')),
    says: /no TLS connection came about; perhaps it wants http:\/\/$/,
  },
])('can not be checked, and says why: $what', async ({ target, says }) => {
  expect(await failureOf(run('HEALTH', await target()))).toMatchObject({
    name: 'UnreachableError',
    retryable: true,
    message: expect.stringMatching(says),
  });
});
