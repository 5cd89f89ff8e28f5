import { z } from 'zod';

/** What the demo shows of the result of a health check; docs/checks.md has the whole of it. */
export const findings = z.object({
  verdict: z.enum(['pass', 'warn', 'fail']),
  findings: z.array(
    z.object({
      id: z.string(),
      severity: z.enum(['info', 'low', 'medium', 'high', 'critical']),
      outcome: z.enum(['pass', 'fail', 'not-applicable']),
      evidence: z.string(),
    }),
  ),
});

export type Findings = z.infer<typeof findings>;
