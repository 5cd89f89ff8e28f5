import type { IncomingHttpHeaders } from 'node:http';
import type { Connection } from './connection.ts';
import type { Certificate, Check, Findings, Outcome } from './findings.ts';
import type { Answer, NoAnswer } from './requests.ts';
import { dayOf } from './unreachable.ts';

/** What was observed of a server that answered the first request at least. */
export interface Observation {
  url: URL;
  checkedAt: Date;
  connection: Connection;
  first: Answer;
  /** All of them, the first one too. */
  requests: (Answer | NoAnswer)[];
}

/** Judges a server by what was observed of it. */
export function judge({ url, checkedAt, connection, first, requests }: Observation): Findings {
  const answers = requests.filter((request) => 'status' in request);
  const latencyMs = { requests: requests.length, answered: answers.length, ...percentiles(answers.map((answer) => answer.latencyMs)) };
  const securityHeaders = securityHeadersOf(url, first.headers);
  const redirectsTo = redirectOf(url, first);
  const server = first.headers['server']?.toString() ?? null;
  const checks = [
    reachability(connection),
    ...(connection.certificate ? [validity(connection.certificate)] : []),
    status(answers, redirectsTo),
    answering(requests),
    latency(latencyMs),
    protection(securityHeaders),
    ...(server === null ? [] : [banner(server)]),
  ];
  const facts = { url: url.href, checkedAt: checkedAt.toISOString(), address: connection.address, certificate: connection.certificate };
  return { verdict: worst(checks), ...facts, status: first.status, server, redirectsTo, latencyMs, securityHeaders, checks };
}

const order: Outcome[] = ['pass', 'warn', 'fail'];
const worst = (checks: { outcome: Outcome }[]): Outcome =>
  order[Math.max(0, ...checks.map(({ outcome }) => order.indexOf(outcome)))] ?? 'fail';

const reachability = ({ address, tookMs, protocol }: Connection): Check => ({
  name: 'reachability',
  outcome: 'pass',
  detail: `${address} took the connection in ${inWords(tookMs)}${protocol === null ? '' : ` (${protocol.replace('v', ' ')})`}`,
});

const expirySoonDays = 21;

const validity = ({ subject, issuer, validTo, daysLeft }: Certificate): Check => ({
  name: 'certificate',
  outcome: daysLeft < expirySoonDays ? 'warn' : 'pass',
  detail: `${subject}, issued by ${issuer}; ${daysLeft} days left, until ${dayOf(validTo)}`,
});

function status(answers: Answer[], redirectsTo: string | null): Check {
  const times = new Map<number, number>();
  for (const answer of answers) times.set(answer.status, (times.get(answer.status) ?? 0) + 1);
  const seen = [...times].map(([code, count]) => (times.size === 1 ? String(code) : `${code} (${count} times)`)).join(', ');
  const detail = redirectsTo === null ? seen : `${seen}: redirects to ${redirectsTo}, which was not followed`;
  return { name: 'status', outcome: worst([...times.keys()].map((code) => ({ outcome: outcomeOf(code) }))), detail };
}

function outcomeOf(code: number): Outcome {
  if (code >= 200 && code < 300) return 'pass';
  // It is up, but shows something else than what was asked for, or only to those it knows.
  return (code >= 300 && code < 400) || code === 401 || code === 403 ? 'warn' : 'fail';
}

function answering(requests: (Answer | NoAnswer)[]): Check {
  const failures = requests.filter((request) => 'reason' in request);
  const detail = `${requests.length - failures.length} of ${requests.length} requests${failures[0] ? `; the first other one: ${failures[0].reason}` : ''}`;
  return { name: 'answers', outcome: failures.length === 0 ? 'pass' : 'fail', detail };
}

const slowMs = 1_000;
const tooSlowMs = 3_000;

const latency = ({ p50, p95, max }: Findings['latencyMs']): Check => ({
  name: 'latency',
  outcome: p95 < slowMs ? 'pass' : p95 < tooSlowMs ? 'warn' : 'fail',
  detail: `p50 ${inWords(p50)}, p95 ${inWords(p95)}, max ${inWords(max)}`,
});

function protection({ present, missing }: Findings['securityHeaders']): Check {
  const all = present.length + missing.length;
  const detail = `${present.length} of ${all}${missing.length === 0 ? '' : `; missing: ${missing.join(', ')}`}`;
  return { name: 'security headers', outcome: missing.length === 0 ? 'pass' : 'warn', detail };
}

const banner = (server: string): Check => ({
  name: 'server banner',
  outcome: /\d/.test(server) ? 'warn' : 'pass',
  detail: /\d/.test(server) ? `${server}: tells everybody its version` : server,
});

function securityHeadersOf(url: URL, headers: IncomingHttpHeaders): Findings['securityHeaders'] {
  const policy = String(headers['content-security-policy'] ?? '');
  const expected = [
    ...(url.protocol === 'https:' ? [['strict-transport-security', headers['strict-transport-security']] as const] : []),
    ['content-security-policy', policy] as const,
    ['x-content-type-options', headers['x-content-type-options']] as const,
    // Either of the two keeps the page out of strangers' frames.
    ['x-frame-options', headers['x-frame-options'] ?? policy.includes('frame-ancestors')] as const,
    ['referrer-policy', headers['referrer-policy']] as const,
  ];
  const names = (wanted: boolean): string[] => expected.filter(([, value]) => Boolean(value) === wanted).map(([name]) => name);
  return { present: names(true), missing: names(false) };
}

function redirectOf(url: URL, { status, headers: { location } }: Answer): string | null {
  if (status < 300 || status >= 400 || location === undefined) return null;
  return URL.canParse(location, url) ? new URL(location, url).href : location;
}

/** By nearest rank, to a hundredth of a millisecond. */
function percentiles(latenciesMs: number[]): { p50: number; p95: number; max: number } {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 100) / 100;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** A duration for people. */
export const inWords = (ms: number): string => (ms < 1_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1_000).toFixed(1)} s`);
