import { expect, test } from 'vitest';
import { type Certificate, whyUntrusted } from '../../src/checks/certificate.ts';
import { verdictOf } from '../../src/checks/finding.ts';
import { statusFindings } from '../../src/checks/health-findings.ts';
import { latencyOf } from '../../src/checks/latency.ts';
import type { Observation } from '../../src/checks/observation.ts';
import { certificateFindings, tlsFindings } from '../../src/checks/tls-findings.ts';
import { whyUnreachable } from '../../src/checks/unreachable.ts';

const url = new URL('https://web-1.example.com/');
const certificate: Certificate = {
  ...{ subject: 'web-1.example.com', issuer: 'Example CA', daysLeft: 60, keyBits: 2_048 },
  ...{ validFrom: '2026-01-01T00:00:00.000Z', validTo: '2026-04-01T00:00:00.000Z' },
};
const now = new Date('2026-01-31T00:00:00.000Z');

interface Seen {
  chain?: Partial<Certificate>[];
  latencies?: number[];
  statuses?: number[];
}

function seen({ chain = [{}], latencies = [1, 1], statuses = [200] }: Seen): Observation {
  const tls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', distrust: null, settings: {} };
  const samples = latencies.map((latencyMs, i) => ({ url, status: statuses[i % statuses.length] ?? 200, headers: {}, latencyMs }));
  return {
    ...{ url, checkedAt: now, samples, page: samples[0] ?? null, oldVersions: null, hops: null },
    connection: { address: '192.0.2.1:443', tookMs: 12, tls: { ...tls, chain: chain.map((one) => ({ ...certificate, ...one })) } },
  };
}

const findingsOf = (observation: Observation) =>
  [certificateFindings, tlsFindings, statusFindings].flatMap((findings) => findings(observation));
const found = (what: Seen, id: string) => {
  const findings = findingsOf(seen(what)).filter((finding) => finding.id === id);
  return { verdict: verdictOf(findings), evidence: findings[0]?.evidence };
};

test('a certificate that expires within three weeks is a warning, one that has expired a failure', () => {
  expect(found({ chain: [{ daysLeft: 21 }] }, 'certificate-expiry').verdict).toBe('pass');
  const soon = { verdict: 'warn', evidence: '20 days left, until 2026-04-01' };
  expect(found({ chain: [{ daysLeft: 20 }] }, 'certificate-expiry')).toEqual(soon);
  expect(found({ chain: [{ daysLeft: -1 }] }, 'certificate-expiry').verdict).toBe('fail');
});

test('any certificate of the chain can have expired', () => {
  const chain = [{}, { subject: 'Old CA', daysLeft: -3 }];
  expect(found({ chain }, 'certificate-chain')).toEqual({ verdict: 'fail', evidence: 'web-1.example.com → Old CA; expired: Old CA' });
});

test.each([
  { keyBits: 256, verdict: 'pass' },
  { keyBits: 2_048, verdict: 'pass' },
  { keyBits: 1_024, verdict: 'fail' },
  { keyBits: 192, verdict: 'fail' },
])('a key of $keyBits bits: $verdict', ({ keyBits, verdict }) => {
  expect(found({ chain: [{ keyBits }] }, 'certificate-key').verdict).toBe(verdict);
});

test('latency: percentiles by nearest rank; over 1 s is a warning, over 3 s a failure; one answer is no sample', () => {
  const of = (...latencies: number[]) => latencyOf(seen({ latencies }).samples);
  expect(of(30, 10, 20, 40, 999)).toEqual({ requests: 5, answered: 5, p50: 30, p95: 999, max: 999 });
  expect(of(7)).toBeNull();
  expect(found({ latencies: [30, 999] }, 'latency').verdict).toBe('pass');
  expect(found({ latencies: [30, 1_000] }, 'latency').verdict).toBe('warn');
  expect(found({ latencies: [30, 3_000] }, 'latency').verdict).toBe('fail');
});

test.each([
  { statuses: [200, 204], verdict: 'pass', evidence: '200 (1 times), 204 (1 times)' },
  { statuses: [401], verdict: 'warn', evidence: '401' },
  { statuses: [404], verdict: 'fail', evidence: '404' },
  { statuses: [200, 503], verdict: 'fail', evidence: '200 (1 times), 503 (1 times)' },
])('status $statuses: $verdict', ({ statuses, verdict, evidence }) => {
  expect(found({ statuses }, 'status')).toEqual({ verdict, evidence });
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
