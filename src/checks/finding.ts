export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical';
export type Outcome = 'pass' | 'fail' | 'not-applicable';
export type Verdict = 'pass' | 'warn' | 'fail';

/** One thing that was looked at. */
export interface Finding {
  id: string;
  title: string;
  /** How bad it is when it fails. */
  severity: Severity;
  outcome: Outcome;
  /** What was seen. */
  evidence: string;
}

/** A thing to look at; gives the functions that say how it came out. */
export function subject(id: string, title: string, severity: Severity) {
  const outcome =
    (outcome: Outcome) =>
    (evidence: string): Finding => ({ id, title, severity, outcome, evidence });
  return { pass: outcome('pass'), fail: outcome('fail'), notApplicable: outcome('not-applicable') };
}

/** What a finding adds to the verdict: a failure of high or critical severity fails, one of low or medium warns, one of info is only told. */
export function weightOf({ outcome, severity }: Pick<Finding, 'outcome' | 'severity'>): Verdict {
  if (outcome !== 'fail' || severity === 'info') return 'pass';
  return severity === 'high' || severity === 'critical' ? 'fail' : 'warn';
}

const order: readonly Verdict[] = ['pass', 'warn', 'fail'];

/** The worst of all findings. */
export const verdictOf = (findings: readonly Finding[]): Verdict =>
  order[Math.max(0, ...findings.map((finding) => order.indexOf(weightOf(finding))))] ?? 'fail';

/** How many findings there are of each outcome. */
export function countOutcomes(findings: readonly Finding[]): { passed: number; failed: number; notApplicable: number } {
  const count = (wanted: Outcome): number => findings.filter(({ outcome }) => outcome === wanted).length;
  return { passed: count('pass'), failed: count('fail'), notApplicable: count('not-applicable') };
}
