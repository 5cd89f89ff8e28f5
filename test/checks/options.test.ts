import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesGlob } from '../../src/checks/glob.ts';
import { failureOf, run } from './run.ts';
import { startSecureTarget, startTarget } from './target.ts';

async function startCounting(headers: Record<string, string> = {}): Promise<{ url: URL; requests: () => number }> {
  let requests = 0;
  const url = await startTarget((_, response) => {
    requests += 1;
    response.writeHead(200, headers).end();
  });
  return { url, requests: () => requests };
}
const idsOf = (findings: unknown): string[] => (findings as { id: string }[]).map(({ id }) => id);

test('includeDetails: without it neither evidence nor details, and the report has none', async () => {
  const { url } = await startCounting({ server: 'nginx/1.18.0' });
  const { result } = await run('SECURITY', url, { includeDetails: false, generateReport: true });
  expect(result).not.toHaveProperty('details');
  expect(result.findings.length).toBeGreaterThan(10);
  for (const finding of result.findings) expect(finding).not.toHaveProperty('evidence');
  expect(result).toMatchObject({ status: 200, summary: { failed: expect.any(Number) } });
  expect(result['report']).not.toContain('tells everybody');
});

test('generateReport: the result has a report in Markdown, in which strangers can write no markup', async () => {
  const { url } = await startCounting({ server: '<img src=x>|**1**' });
  const { result } = await run('SECURITY', url, { generateReport: true });
  const report = String(result['report']);
  expect(report).toContain(`# Security of ${url.href}\n`);
  expect(report).toContain('Verdict: **fail**');
  expect(report).toContain('| fail | low | The header server tells no version | \\<img src=x\\>\\|\\*\\*1\\*\\*: tells');
  expect(report).toContain('## Compliance: Baseline\n');
  expect((await run('SECURITY', url)).result).not.toHaveProperty('report');
});

test('saveResults: without it the verdict is all that is kept', async () => {
  const { url } = await startCounting();
  const { result } = await run('SECURITY', url, { saveResults: false, generateReport: true });
  expect(result).toEqual({ type: 'SECURITY', verdict: 'fail' });
});

test('checkServerStatus: without it a health check sends no request', async () => {
  const { url, requests } = await startCounting();
  const { result } = await run('HEALTH', url, { checkServerStatus: false });
  expect(requests()).toBe(0);
  expect(idsOf(result.findings)).toEqual(['reachability', 'certificate-trust', 'certificate-expiry']);
  expect(result).toMatchObject({ verdict: 'pass', status: null, latencyMs: null });
});

test('checkServerStatus: without it a compliance check has no latency', async () => {
  const { url, requests } = await startCounting();
  const { of } = await run('COMPLIANCE', url, { checkServerStatus: false });
  expect(requests()).toBe(1);
  expect(of('latency')).toBe('not-applicable: latency.p95Ms was not gathered');
});

test('validateConfig: a health check looks at headers and cookies too, with one request where no other is wanted', async () => {
  const { url, requests } = await startCounting();
  expect(idsOf((await run('HEALTH', url)).result.findings)).not.toContain('csp');
  const before = requests();
  const { result } = await run('HEALTH', url, { validateConfig: true, checkServerStatus: false });
  expect(requests() - before).toBe(1);
  expect(idsOf(result.findings)).toEqual(expect.arrayContaining(['csp', 'cookie-secure']));
  expect(idsOf(result.findings)).not.toContain('status');
});

test('checkCompliance: the rules are a section of their own, which changes no verdict', async () => {
  const { url } = await startCounting();
  const { result } = await run('HEALTH', url);
  expect(result).toMatchObject({ verdict: 'pass', compliance: { ruleSet: 'Baseline', verdict: 'fail' } });
  expect((await run('HEALTH', url, { checkCompliance: false })).result).not.toHaveProperty('compliance');
  const skipped = await run('COMPLIANCE', url, { checkCompliance: false });
  expect(skipped.result).toMatchObject({ verdict: 'skipped', reason: expect.stringContaining('checkCompliance is false') });
});

test('serverFilter: what matches no pattern is skipped without a connection', async () => {
  const { url, requests } = await startCounting();
  const { result } = await run('HEALTH', url, { serverFilter: ['*.example.com', '127.0.0.2'] });
  expect(result).toEqual({
    ...{ type: 'HEALTH', verdict: 'skipped', url: url.href },
    reason: 'the target matches none of 2 patterns of serverFilter',
  });
  expect(requests()).toBe(0);
  for (const serverFilter of [['127.*'], [`127.0.0.1:${url.port}`], ['example.com', '127.0.0.?']])
    expect((await run('SECURITY', url, { serverFilter })).result).toMatchObject({ status: 200 });
});

test('deepScan: more requests, old versions of TLS, redirects', async () => {
  const asked: (string | undefined)[] = [];
  const url = await startSecureTarget('valid.pem', ({ url: path }, response) => {
    asked.push(path);
    response.writeHead(path === '/' ? 302 : 200, path === '/' ? { location: '/home' } : {}).end();
  });
  const { result, of } = await run('HEALTH', url, { deepScan: true });
  expect(asked).toEqual([...Array.from({ length: 30 }, () => '/'), '/home']);
  expect(of('redirects')).toBe(`pass: ${url.href}home`);
  expect(of('status')).toBe(`pass: 302: redirects to ${url.href}home, and ends with 200`);
  expect(result).toMatchObject({ details: { tls: { oldVersions: [{ accepted: false }, { accepted: false }] } } });
});

test('redirects that go round in a circle end after five', async () => {
  let requests = 0;
  const url = await startTarget((_, response) => {
    requests += 1;
    response.writeHead(302, { location: '/' }).end();
  });
  const { result } = await run('SECURITY', url, { deepScan: true });
  expect(requests).toBe(6);
  expect(result).toMatchObject({ details: { redirects: { length: 6, 5: { refused: 'more than 5 redirects' } } } });
});

test('timeout: ends the whole check', async () => {
  const hanging = await startTarget(() => {});
  const failure = await failureOf(run('HEALTH', hanging, { timeout: 300 }));
  expect(failure).toMatchObject({ name: 'CheckError', retryable: true });
  expect(failure.message).toMatch(
    /^the check of 127\.0\.0\.1:\d+ took longer than its timeout of 0\.3 s; the last step: connected to .+ ms$/,
  );
});

test('timeout: half of it is for requests, so that a slow server is found slow', async () => {
  const url = await startTarget((_, response) => void setTimeout(() => response.end(), 300));
  const { result, of } = await run('HEALTH', url, { timeout: 3_000, checkCompliance: false });
  const { requests, p50 } = result['latencyMs'] as { requests: number; p50: number };
  expect(requests).toBeLessThan(10);
  expect(p50).toBeGreaterThan(250);
  expect(of('answers')).toBe(`pass: ${requests} of ${requests} requests`);
});

test('options that are none are refused by name', async () => {
  const { url } = await startCounting();
  const failure = await failureOf(run('HEALTH', url, { deepScan: 'yes', timeout: -1 }));
  expect(failure).toMatchObject({ retryable: false, message: expect.stringMatching(/options\.deepScan: .+; options\.timeout: /) });
});

test('a glob matches as the regular expression does, and quickly whatever it is', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 });
  const asExpression = (glob: string): RegExp => new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`);
  fc.assert(
    fc.property(text, pattern, (name, glob) => {
      expect(matchesGlob(name, glob)).toBe(asExpression(glob).test(name));
    }),
  );
  expect(matchesGlob('a'.repeat(255), `${'*a'.repeat(120)}b`)).toBe(false);
});
