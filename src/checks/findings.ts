import type { AssessmentOptions } from '../store/index.ts';
import { cookieFindings } from './cookie-findings.ts';
import type { Finding } from './finding.ts';
import { headerFindings } from './header-findings.ts';
import { reachabilityFinding, statusFindings } from './health-findings.ts';
import type { Observation } from './observation.ts';
import { certificateFindings, tlsFindings } from './tls-findings.ts';

/** What a check of health or security finds in what was seen. */
export function findingsOf(
  type: 'HEALTH' | 'SECURITY',
  observation: Observation,
  { checkServerStatus, validateConfig }: AssessmentOptions,
): Finding[] {
  const { page, connection } = observation;
  const configuration = page === null ? [] : [...headerFindings(page), ...cookieFindings(page)];
  switch (type) {
    case 'HEALTH':
      return [
        reachabilityFinding(connection),
        ...certificateFindings(observation),
        ...(checkServerStatus ? statusFindings(observation) : []),
        ...(validateConfig ? configuration : []),
      ];
    case 'SECURITY':
      return [...certificateFindings(observation), ...tlsFindings(observation), ...configuration];
    default:
      throw new Error(`there are no checks of type ${type satisfies never}`);
  }
}
