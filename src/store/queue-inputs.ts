import { z } from 'zod';
import { filledText, maxLength, text, wholeNumber } from './inputs.ts';

/** Bounds of what workers may ask for. */
export const queueLimits = {
  /** Most assessments in one claim. */
  claim: 500,
  /** Most tokens in one heartbeat or release. */
  tokens: 10_000,
  leaseMs: { least: 100, most: 86_400_000 },
  /** Longest long poll, in milliseconds: below what proxies cut off. */
  waitMs: 60_000,
} as const;

const workerId = filledText(maxLength.workerId);
const leaseMs = wholeNumber(queueLimits.leaseMs.least, queueLimits.leaseMs.most).nullish();
const claimTokens = z
  .array(z.uuid({ error: 'must be a claim token, as claimAssessments gave it (a UUID)' }))
  .max(queueLimits.tokens, { error: `must have at most ${queueLimits.tokens} entries` });

export const claimAssessmentsSchema = z.object({
  workerId,
  limit: wholeNumber(1, queueLimits.claim).nullish(),
  types: z
    .array(z.enum(['COMPLIANCE', 'HEALTH', 'SECURITY'], { error: 'must be COMPLIANCE, HEALTH or SECURITY' }))
    .min(1, { error: 'must not be empty; leave it out to take every type' })
    .max(100, { error: 'must have at most 100 entries' })
    .nullish(),
  leaseMs,
  waitMs: wholeNumber(0, queueLimits.waitMs).nullish(),
});
export const heartbeatSchema = z.object({ workerId, claimTokens, leaseMs });
export const releaseAssessmentsSchema = z.object({ workerId, claimTokens, reason: text(maxLength.reason).nullish() });

/** What `claimAssessments` takes. Default: 1 of any type, a lease of 30 seconds, no waiting. */
export type ClaimAssessments = z.input<typeof claimAssessmentsSchema>;
/** What `heartbeat` takes. Default: a lease of 30 seconds from now. */
export type Heartbeat = z.input<typeof heartbeatSchema>;
/** What `releaseAssessments` takes. */
export type ReleaseAssessments = z.input<typeof releaseAssessmentsSchema>;

export const defaultLeaseMs = 30_000;
