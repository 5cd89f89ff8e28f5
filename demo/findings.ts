import { z } from 'zod';

const outcome = z.enum(['pass', 'warn', 'fail']);

/** What a health check found out about a server: the result of the assessment. Times are in milliseconds. */
export const findings = z.object({
  /** The worst outcome of the checks. */
  verdict: outcome,
  url: z.string(),
  checkedAt: z.iso.datetime(),
  /** The address that took the connection, with its port. */
  address: z.string(),
  status: z.number(),
  server: z.string().nullable(),
  redirectsTo: z.string().nullable(),
  /** From sending a request to the head of the answer, over a connection that is kept (the first request makes it); `answered` of `requests` were answered. */
  latencyMs: z.object({ requests: z.number(), answered: z.number(), p50: z.number(), p95: z.number(), max: z.number() }),
  certificate: z
    .object({ subject: z.string(), issuer: z.string(), validFrom: z.iso.datetime(), validTo: z.iso.datetime(), daysLeft: z.number() })
    .nullable(),
  securityHeaders: z.object({ present: z.array(z.string()), missing: z.array(z.string()) }),
  checks: z.array(z.object({ name: z.string(), outcome, detail: z.string() })),
});

export type Findings = z.infer<typeof findings>;
export type Check = Findings['checks'][number];
export type Outcome = z.infer<typeof outcome>;
export type Certificate = NonNullable<Findings['certificate']>;
