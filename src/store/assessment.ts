import type { Assessment as AssessmentRow } from '../generated/prisma/client.ts';

/** A JSON object, as requests and results are. */
export type JsonObject = { [key: string]: unknown };

/** The two bodies of an assessment, each up to 1 MiB: they travel only to those who ask for them. */
export interface AssessmentData {
  requestData: JsonObject;
  /** Null until the assessment is COMPLETED. */
  resultData: JsonObject | null;
}

/** One assessment at one version, without its bodies and without the secrets of its claim. */
export type Assessment = Omit<
  AssessmentRow,
  | 'requestData'
  | 'resultData'
  | 'requestHash'
  | 'claimToken'
  | 'cancelledClaimToken'
  | 'claimSeenAt'
  | 'queueRank'
  | 'ready'
  | 'changedBy'
  | 'changeReason'
>;

/** An assessment together with its bodies. */
export type AssessmentWithData = Assessment & AssessmentData;

/** Who asks: the tenant whose assessments they are, and the name that the audit trail remembers. */
export interface Actor {
  tenantId: string;
  subject: string;
}

/** What names one assessment among those of all tenants. */
export interface AssessmentKey {
  tenantId: string;
  assessmentId: string;
}

/** A string that is different for every key; NUL can stand in neither part. */
export const keyString = ({ tenantId, assessmentId }: AssessmentKey): string => `${tenantId}\0${assessmentId}`;
