import { countOutcomes, type Finding, type Verdict } from './finding.ts';
import { latencyOf } from './latency.ts';
import { dayOf, inWords } from './plain-text.ts';
import type { Outcome } from './result.ts';

const titles = { HEALTH: 'Health', SECURITY: 'Security', COMPLIANCE: 'Compliance' } as const;

/** A report for people, in Markdown. */
export function reportOf({ type, observation, findings, complied, ruleSet, options }: Outcome, verdict: Verdict): string {
  const { url, checkedAt, samples, connection } = observation;
  const latency = latencyOf(samples);
  const certificate = connection.tls?.chain[0];
  const lines = [
    `# ${titles[type]} of ${plain(url.href)}`,
    '',
    `Checked at ${checkedAt.toISOString()}. Verdict: **${verdict}**${type === 'COMPLIANCE' ? `, by the rules ${plain(ruleSet)}` : ''}.`,
    '',
    `- ${inNumbers(findings)}`,
    ...(latency ? [`- Latency: p50 ${inWords(latency.p50)}, p95 ${inWords(latency.p95)}, max ${inWords(latency.max)}`] : []),
    ...(certificate ? [`- Certificate: ${plain(certificate.subject)}, until ${dayOf(certificate.validTo)}`] : []),
    ...section('Findings', findings, options.includeDetails),
    ...(complied ? section(`Compliance: ${plain(complied.name)}`, complied.findings, options.includeDetails) : []),
  ];
  return `${lines.join('\n')}\n`;
}

function inNumbers(findings: readonly Finding[]): string {
  const { passed, failed, notApplicable } = countOutcomes(findings);
  return `${passed} passed, ${failed} failed, ${notApplicable} not applicable`;
}

function section(title: string, findings: readonly Finding[], withEvidence: boolean): string[] {
  const row = ({ outcome, severity, title, evidence }: Finding): string =>
    `| ${outcome} | ${severity} | ${plain(title)} |${withEvidence ? ` ${plain(evidence)} |` : ''}`;
  const head = withEvidence
    ? ['| Outcome | Severity | What | Evidence |', '|---|---|---|---|']
    : ['| Outcome | Severity | What |', '|---|---|---|'];
  return ['', `## ${title}`, '', ...head, ...findings.map(row)];
}

/** Text that strangers had a part in, without a meaning in Markdown or HTML. */
const plain = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>|~&!#]/g, '\\$&');
