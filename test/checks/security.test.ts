import { expect, test } from 'vitest';
import { run } from './run.ts';
import { startOldTlsTarget, startSecureTarget, startTarget } from './target.ts';

const protection = {
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'camera=()',
};

test('a server without any protection', async () => {
  const cookies = ['session=topsecret; Path=/', 'good=topsecret; Secure; HttpOnly; SameSite=Strict'];
  const headers = { server: 'nginx/1.18.0', 'x-powered-by': 'PHP/8.1', 'set-cookie': cookies };
  const url = await startTarget((_, response) => response.writeHead(200, headers).end());
  const { result, of } = await run('SECURITY', url);
  expect(result.verdict).toBe('fail');
  expect(of('encryption')).toBe('fail: plain HTTP, without TLS');
  expect(of('tls-version')).toBe('not-applicable: there is no TLS');
  expect(of('hsts')).toBe('not-applicable: browsers heed it with https only');
  expect(of('csp')).toBe('fail: there is no content-security-policy');
  expect(of('framing')).toMatch(/^fail: there is neither/);
  expect(of('banner-server')).toBe('fail: nginx/1.18.0: tells everybody its version');
  expect(of('banner-x-powered-by')).toBe('fail: PHP/8.1: tells everybody its version');
  for (const id of ['cookie-secure', 'cookie-http-only', 'cookie-same-site']) expect(of(id)).toBe('fail: 1 of 2 cookies: session');
  expect(JSON.stringify(result)).not.toContain('topsecret');
});

test('a server with all of them: what is left is the certificate that nobody trusts', async () => {
  const headers = { ...protection, server: 'nginx', 'set-cookie': ['id=1; Secure; HttpOnly; SameSite=Lax'] };
  const url = await startSecureTarget('valid.pem', (_, response) => response.writeHead(200, headers).end());
  const { result, of } = await run('SECURITY', url, { deepScan: true });
  const failed = result.findings.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);
  expect(failed).toEqual(['certificate-trust']);
  expect(of('tls-version')).toBe('pass: TLSv1.3');
  expect(of('tls-old-versions')).toBe('pass: both were refused');
  expect(of('certificate-chain')).toBe('pass: localhost');
  expect(of('certificate-key')).toMatch(/^pass: \d+ bits$/);
  expect(result).toMatchObject({ details: { tls: { chain: [{ subject: 'localhost' }] } } });
});

test.each(['TLSv1', 'TLSv1.1'] as const)('a server that takes %s', async (version) => {
  const url = await startOldTlsTarget(version, (_, response) => response.end());
  const { of } = await run('SECURITY', url, { deepScan: true });
  expect(of('tls-version')).toBe(`fail: ${version}`);
  expect(of('tls-old-versions')).toBe(`fail: accepted: ${version}`);
});

test.each([
  { header: 'strict-transport-security', value: 'max-age=300', id: 'hsts', says: 'fail: max-age=300: shorter than half a year' },
  { header: 'strict-transport-security', value: 'preload', id: 'hsts', says: 'fail: preload: has no max-age' },
  { header: 'content-security-policy', value: "script-src 'self' 'unsafe-inline'", id: 'csp', says: 'permits scripts in the page' },
  { header: 'content-security-policy', value: "script-src 'nonce-x' 'unsafe-inline'", id: 'csp', says: 'pass:' },
  { header: 'content-security-policy', value: "img-src 'self'", id: 'csp', says: 'has neither script-src nor default-src' },
  { header: 'content-security-policy', value: 'frame-ancestors *', id: 'framing', says: 'fail: frame-ancestors *' },
  { header: 'x-frame-options', value: 'SAMEORIGIN', id: 'framing', says: 'pass: SAMEORIGIN' },
  { header: 'x-frame-options', value: 'ALLOW-FROM x', id: 'framing', says: 'must be DENY or SAMEORIGIN' },
  { header: 'x-content-type-options', value: 'sniff', id: 'content-type-options', says: 'must be nosniff' },
  { header: 'referrer-policy', value: 'unsafe-url', id: 'referrer-policy', says: 'passes them on' },
  { header: 'set-cookie', value: 'a=1; SameSite=None', id: 'cookie-same-site', says: 'fail: 1 of 1 cookies: a' },
  { header: 'set-cookie', value: 'a=1; SameSite=None; Secure', id: 'cookie-same-site', says: 'pass' },
])('$header: $value', async ({ header, value, id, says }) => {
  const url = await startSecureTarget('valid.pem', (_, response) => response.writeHead(200, { [header]: value }).end());
  expect((await run('SECURITY', url)).of(id)).toContain(says);
});

test('plain HTTP that redirects to https', async () => {
  const secure = await startSecureTarget('valid.pem', (_, response) => response.writeHead(200, protection).end());
  const url = await startTarget((_, response) => response.writeHead(301, { location: secure.href }).end());
  const shallow = await run('SECURITY', url);
  expect(shallow.of('encryption')).toBe(`pass: plain HTTP redirects to ${secure.href}`);
  expect(shallow.of('csp')).toMatch(/^fail/);
  const deep = await run('SECURITY', url, { deepScan: true });
  expect(deep.of('hsts')).toMatch(/^pass: max-age=31536000/);
  expect(deep.result).toMatchObject({ details: { redirects: [{ status: 301, to: secure.href, refused: null }] } });
});

test('what a server says can not hold control characters, and is clipped', async () => {
  const url = await startTarget((_, response) => response.writeHead(200, { server: `\u009b2J${'x'.repeat(1_000)}` }).end());
  const { of } = await run('SECURITY', url);
  const evidence = String(of('banner-server'));
  expect(evidence).not.toMatch(/\p{Cc}/u);
  expect(evidence.length).toBeLessThan(400);
});
