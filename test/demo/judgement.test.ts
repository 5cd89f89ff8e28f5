import { expect, test } from 'vitest';
import type { Connection } from '../../demo/connection.ts';
import type { Certificate } from '../../demo/findings.ts';
import { judge } from '../../demo/judgement.ts';
import { whyUnreachable, whyUntrusted } from '../../demo/unreachable.ts';

const url = new URL('https://web-1.example.com/');
const certificate: Certificate = {
  ...{ subject: 'web-1.example.com', issuer: 'Example CA', daysLeft: 60 },
  ...{ validFrom: '2026-01-01T00:00:00.000Z', validTo: '2026-04-01T00:00:00.000Z' },
};
const now = new Date('2026-01-31T00:00:00.000Z');

function judged({ daysLeft = 60, latencies = [1], statuses = [200] }: { daysLeft?: number; latencies?: number[]; statuses?: number[] }) {
  const connection: Connection = { address: '192.0.2.1:443', tookMs: 12, protocol: 'TLSv1.3', certificate: { ...certificate, daysLeft } };
  const requests = latencies.map((latencyMs, i) => ({ status: statuses[i % statuses.length] ?? 200, headers: {}, latencyMs }));
  const found = judge({ url, checkedAt: now, connection, first: { status: 200, headers: {}, latencyMs: 1 }, requests });
  return { found, of: (name: string) => found.checks.find((check) => check.name === name) };
}

test('a certificate that expires within three weeks is a warning', () => {
  expect(judged({ daysLeft: 21 }).of('certificate')?.outcome).toBe('pass');
  expect(judged({ daysLeft: 20 }).of('certificate')).toMatchObject({ outcome: 'warn', detail: expect.stringContaining('20 days left') });
});

test('latency: percentiles by nearest rank; over 1 s is a warning, over 3 s a failure', () => {
  const { found, of } = judged({ latencies: [30, 10, 20, 40, 999] });
  expect(found.latencyMs).toMatchObject({ p50: 30, p95: 999, max: 999 });
  expect(of('latency')?.outcome).toBe('pass');
  expect(judged({ latencies: [1_000] }).of('latency')?.outcome).toBe('warn');
  expect(judged({ latencies: [3_000] }).of('latency')?.outcome).toBe('fail');
});

test.each([
  { statuses: [200, 204], outcome: 'pass', detail: '200 (1 times), 204 (1 times)' },
  { statuses: [401], outcome: 'warn', detail: '401' },
  { statuses: [404], outcome: 'fail', detail: '404' },
  { statuses: [200, 503], outcome: 'fail', detail: '200 (1 times), 503 (1 times)' },
])('status $statuses: $outcome', ({ statuses, outcome, detail }) => {
  expect(judged({ latencies: [1, 1], statuses }).of('status')).toEqual({ name: 'status', outcome, detail });
});

test('https wants strict-transport-security too', () => {
  expect(judged({}).found.securityHeaders.missing).toContain('strict-transport-security');
});

test.each([
  { code: 'ENOTFOUND', says: 'the name web-1.example.com was not found in the DNS' },
  { code: 'EAI_AGAIN', says: 'the name web-1.example.com could not be looked up: the DNS does not answer' },
  { code: 'EHOSTUNREACH', says: 'there is no route to web-1.example.com:443' },
  { code: 'ESOMETHING', says: "web-1.example.com:443 can't be reached: something" },
])('$code in words', ({ code, says }) => {
  expect(whyUnreachable(Object.assign(new Error('something'), { code }), url, 5_000)).toBe(says);
});

test.each([
  {
    problem: 'ERR_TLS_CERT_ALTNAME_INVALID',
    of: { subject: 'other.example.com' },
    says: 'is for other.example.com, not for web-1.example.com',
  },
  { problem: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', of: {}, says: 'was issued by Example CA, which this machine does not trust' },
  { problem: 'CERT_NOT_YET_VALID', of: { validFrom: '2026-02-01T00:00:00.000Z' }, says: 'is valid only from 2026-02-01' },
  { problem: 'DEPTH_ZERO_SELF_SIGNED_CERT', of: { daysLeft: -3 }, says: 'expired on 2026-04-01, 3 days ago' },
])('a certificate with $problem in words', ({ problem, of, says }) => {
  expect(whyUntrusted(problem, { ...certificate, ...of }, url, now)).toContain(says);
});
