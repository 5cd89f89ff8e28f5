import type { Connection } from './connection.ts';
import { type Finding, type Severity, subject } from './finding.ts';
import { latencyOf } from './latency.ts';
import type { Observation } from './observation.ts';
import { inWords, plainText } from './plain-text.ts';
import { type Hop, redirectOf, shownTarget } from './redirects.ts';
import type { Answer, NoAnswer } from './requests.ts';

/** Whether the server took the connection: it did, or there would be nothing to judge. */
export const reachabilityFinding = ({ address, tookMs, tls }: Connection): Finding =>
  subject('reachability', 'The server takes connections', 'critical').pass(
    `${address} took the connection in ${inWords(tookMs)}${tls === null ? '' : ` (${tls.version.replace('v', ' ')})`}`,
  );

/** Status, answers, latency and redirects, as far as they were looked at. */
export function statusFindings({ samples, hops, page }: Observation): Finding[] {
  const answers = samples.filter((sample) => 'status' in sample);
  const first = answers[0];
  if (first === undefined) return [];
  const arrived = hops !== null && hops.length > 0 && hops.at(-1)?.refused === null ? page : null;
  return [
    statusFinding(answers, redirectOf(first), arrived),
    answersFinding(samples),
    latencyFinding(samples),
    ...(hops ? redirectFindings(hops) : []),
  ];
}

/** Where redirects were followed to their end, the answer there is what counts. */
function statusFinding(answers: Answer[], redirectsTo: URL | string | null, arrived: Answer | null): Finding {
  const times = new Map<number, number>();
  for (const { status } of answers) times.set(status, (times.get(status) ?? 0) + 1);
  const seen = [...times].map(([code, count]) => (times.size === 1 ? String(code) : `${code} (${count} times)`)).join(', ');
  const redirected = redirectsTo === null ? seen : `${seen}: redirects to ${plainText(shownTarget(redirectsTo))}`;
  const evidence = arrived === null ? redirected : `${redirected}, and ends with ${arrived.status}`;
  const codes = [...times.keys()].map((code) => (arrived !== null && isRedirect(code) ? arrived.status : code));
  const worst = Math.max(...codes.map(badnessOf));
  const about = (severity: Severity) => subject('status', 'The server answers with success', severity);
  if (worst === 0) return about('high').pass(evidence);
  return about(worst === 1 ? 'medium' : 'high').fail(evidence);
}

const isRedirect = (code: number): boolean => code >= 300 && code < 400;

/** 0: success; 1: it is up, but shows something else than was asked for, or only to those it knows; 2: it can't do it. */
function badnessOf(code: number): number {
  if (code >= 200 && code < 300) return 0;
  return isRedirect(code) || code === 401 || code === 403 ? 1 : 2;
}

function answersFinding(samples: readonly (Answer | NoAnswer)[]): Finding {
  const about = subject('answers', 'Every request is answered', 'high');
  const failures = samples.filter((sample) => 'reason' in sample);
  const evidence = `${samples.length - failures.length} of ${samples.length} requests`;
  if (failures[0] === undefined) return about.pass(evidence);
  return about.fail(`${evidence}; the first other one: ${failures[0].reason}`);
}

const slowMs = 1_000;
const tooSlowMs = 3_000;

function latencyFinding(samples: readonly (Answer | NoAnswer)[]): Finding {
  const { p50, p95, max } = latencyOf(samples) ?? { p50: 0, p95: 0, max: 0 };
  const about = subject('latency', 'Answers come quickly', p95 < tooSlowMs ? 'medium' : 'high');
  const evidence = `p50 ${inWords(p50)}, p95 ${inWords(p95)}, max ${inWords(max)}`;
  return p95 < slowMs ? about.pass(evidence) : about.fail(evidence);
}

function redirectFindings(hops: readonly Hop[]): Finding[] {
  const about = subject('redirects', 'Redirects lead somewhere', 'medium');
  const way = hops.map(({ to }) => to).join(' → ');
  const refused = hops.at(-1)?.refused ?? null;
  if (hops.length === 0) return [about.notApplicable('there is no redirect')];
  return [refused === null ? about.pass(way) : about.fail(`${way}: not followed, since ${refused}`)];
}
