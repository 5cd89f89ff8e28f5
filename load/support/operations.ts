/** The operations that are measured; variables instead of inlined values, as clients send them. */
export const operations = {
  typename: '{ __typename }',
  create: `mutation Create($input: CreateAssessmentInput!) {
    createAssessment(input: $input) { __typename ... on CreateAssessmentPayload { created assessment { id assessmentId state version } } ... on Error { code message } }
  }`,
  updates: `subscription Updates($id: String!) {
    assessmentUpdated(assessmentId: $id) { kind assessment { assessmentId state version terminal } }
  }`,
} as const;

const checks = ['sshd-permit-root-login', 'tls-1-2-or-later', 'password-expiry', 'auditd-enabled', 'ntp-in-sync', 'kernel-patch-level'];

const ruleset = {
  ruleset: 'cis-level-2',
  requestedBy: 'installer',
  window: { from: '02:00', to: '04:00', timezone: 'Europe/Berlin' },
  checks: checks.map((rule, index) => ({ rule, severity: index % 2 === 0 ? 'high' : 'medium', enabled: true, weight: 1.5 })),
  notes: 'Scheduled by the change calendar. Findings go to the team that owns the server, and to the weekly report. '.repeat(2).trim(),
};

/** A request for an assessment: about 1 KiB of JSON. */
export const requestOf = (assessmentId: string) => ({
  assessmentId,
  type: 'COMPLIANCE',
  source: 'INSTALLER',
  serverName: 'web-1.example.com',
  options: { includeDetails: true, serverFilter: ['web-1.example.com'] },
  metadata: ruleset,
});

/** A request with nothing but what it is about. */
export const smallRequestOf = (assessmentId: string) => ({
  assessmentId,
  type: 'COMPLIANCE',
  source: 'INSTALLER',
  serverName: 'web-1.example.com',
});

/** What a worker found: about 1 KiB of JSON. */
export const result = {
  score: 91,
  passed: 5,
  failed: 1,
  findings: checks.map((rule, index) => ({
    rule,
    outcome: index === 3 ? 'FAILED' : 'PASSED',
    observed: 'as configured',
    durationMs: 12 + index,
  })),
  summary: 'One of six rules failed: the audit daemon is installed, but not enabled at boot. All others are as they must be. '
    .repeat(4)
    .trim(),
};
