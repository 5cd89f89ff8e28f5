import type { AssessmentOptions, JsonObject } from '../store/index.ts';
import { readCookies } from './cookie.ts';
import { countOutcomes, type Finding, verdictOf } from './finding.ts';
import { headerOf, watchedHeaders } from './header-findings.ts';
import { latencyOf } from './latency.ts';
import type { Observation } from './observation.ts';
import { plainText } from './plain-text.ts';
import { redirectOf, shownTarget } from './redirects.ts';
import { reportOf } from './report.ts';
import type { CheckRequest } from './run-check.ts';

/** What a check came to. */
export interface Outcome {
  type: CheckRequest['type'];
  observation: Observation;
  findings: Finding[];
  /** The rules as a section of their own; null where there is none. */
  complied: { name: string; findings: Finding[] } | null;
  /** The name of the rules. */
  ruleSet: string;
  options: AssessmentOptions;
}

/** The result that is kept, as far as the options want it. */
export function resultOf(outcome: Outcome): JsonObject {
  const { type, observation, findings, complied, ruleSet, options } = outcome;
  const verdict = verdictOf(findings);
  if (!options.saveResults) return { type, verdict };
  return {
    ...{ type, verdict, url: observation.url.href, checkedAt: observation.checkedAt.toISOString(), summary: countOutcomes(findings) },
    ...factsOf(observation),
    ...(type === 'COMPLIANCE' && { ruleSet }),
    findings: shown(findings, options),
    ...(complied && { compliance: sectionOf(complied, options) }),
    ...(options.includeDetails && { details: detailsOf(observation) }),
    ...(options.generateReport && { report: reportOf(outcome, verdict) }),
  };
}

/** The result for a target that was not looked at. */
export function skippedResult(type: CheckRequest['type'], url: URL, reason: string, { saveResults }: AssessmentOptions): JsonObject {
  return { type, verdict: 'skipped', ...(saveResults && { url: url.href, reason }) };
}

const shown = (findings: Finding[], { includeDetails }: AssessmentOptions): object[] =>
  includeDetails ? findings : findings.map(({ evidence: _, ...finding }) => finding);

const sectionOf = ({ name, findings }: NonNullable<Outcome['complied']>, options: AssessmentOptions): JsonObject => ({
  ...{ ruleSet: name, verdict: verdictOf(findings), summary: countOutcomes(findings), findings: shown(findings, options) },
});

/** The figures that every result has; null for what was not looked at. */
function factsOf({ samples, connection: { tls }, page }: Observation): JsonObject {
  const certificate = tls?.chain[0];
  const first = samples.find((sample) => 'status' in sample);
  const redirectsTo = first && redirectOf(first);
  return {
    status: first?.status ?? null,
    redirectsTo: redirectsTo ? plainText(shownTarget(redirectsTo)) : null,
    server: page && headerOf(page.headers, 'server'),
    latencyMs: latencyOf(samples),
    certificate: tls && certificate ? { ...certificate, trusted: tls.distrust === null, distrust: tls.distrust } : null,
  };
}

function detailsOf({ connection: { address, tookMs, tls }, oldVersions, samples, page, hops }: Observation): JsonObject {
  return {
    address,
    connectMs: hundredths(tookMs),
    tls: tls && { version: tls.version, cipher: tls.cipher, chain: tls.chain, oldVersions },
    samples: samples.map((sample) => ('status' in sample ? { status: sample.status, latencyMs: hundredths(sample.latencyMs) } : sample)),
    redirects: hops,
    headers: page && Object.fromEntries(watchedHeaders.map((name) => [name, headerOf(page.headers, name)])),
    cookies: page && readCookies(page.headers['set-cookie']),
  };
}

const hundredths = (ms: number): number => Math.round(ms * 100) / 100;
