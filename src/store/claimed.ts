import type { Assessment, JsonObject } from './assessment.ts';

/** An assessment that a worker holds: PROCESSING, with its request, and the secret that every report on it must carry. */
export interface ClaimedAssessment {
  assessment: Assessment & { requestData: JsonObject };
  claimToken: string;
  /** When the lease ends unless it is renewed. */
  expiresAt: Date;
}

/** What became of one claim, for the worker that renews it. */
export interface HeartbeatResult {
  claimToken: string;
  /** Whether the claim is still held, now until `expiresAt`. */
  held: boolean;
  /** Whether it is not because the assessment was cancelled: stop the work. */
  cancelled: boolean;
  expiresAt: Date | null;
}

/** Whether a claim was given back; false: it was not held any more. */
export interface ReleaseResult {
  claimToken: string;
  released: boolean;
}
