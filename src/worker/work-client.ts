import type {
  Assessment,
  AssessmentUpdate,
  ClaimedAssessment,
  CompleteAssessment,
  FailAssessment,
  HeartbeatResult,
  JsonObject,
  ReleaseResult,
  UpdateProgress,
} from '../store/index.ts';

/** An assessment as the store and the API both give it. */
export type WorkAssessment = Omit<Assessment, 'id' | 'tenantId'>;

/** An assessment that a worker holds; see ClaimedAssessment. */
export interface WorkClaim extends Omit<ClaimedAssessment, 'assessment'> {
  assessment: WorkAssessment & { requestData: JsonObject };
}

/** What a report is answered with: where the assessment stands now. */
export type ReportedAssessment = Pick<Assessment, 'assessmentId' | 'state' | 'version' | 'progress'>;

/** A change of an assessment that is watched. */
export interface WorkUpdate extends Omit<AssessmentUpdate, 'assessment'> {
  assessment: WorkAssessment;
}

/** Updates that come until the assessment has ended, or until they are given up with `return()`. */
export type WorkUpdates = AsyncIterable<WorkUpdate> & { return(): unknown };

/** What a worker asks for. */
export interface ClaimWork {
  workerId: string;
  /** Most claims in the answer. */
  limit?: number;
  types?: Assessment['type'][];
  leaseMs?: number;
  /** How long to wait for work when there is none. */
  waitMs?: number;
}

/**
 * What a worker needs of the service: the same for a store in this process (see storeAsClient) and for the API (see
 * createAssessmentClient). A call whose promise is rejected may or may not have been carried out.
 */
export interface WorkClient {
  /** Claims what is ready; the signal ends the wait. */
  claimAssessments(input: ClaimWork, signal?: AbortSignal): Promise<WorkClaim[]>;
  /** Renews leases. In the order of the tokens. */
  heartbeat(input: { workerId: string; claimTokens: string[]; leaseMs?: number }): Promise<HeartbeatResult[]>;
  /** Gives claims back. In the order of the tokens. */
  releaseAssessments(input: { workerId: string; claimTokens: string[]; reason?: string }): Promise<ReleaseResult[]>;
  /** In the order of the input; an error concerns that item alone. */
  batchUpdateProgress(input: { updates: UpdateProgress[] }): Promise<(ReportedAssessment | Error)[]>;
  /** In the order of the input; an error concerns that item alone. */
  batchCompleteAssessments(input: { completions: CompleteAssessment[] }): Promise<(ReportedAssessment | Error)[]>;
  failAssessment(input: FailAssessment): Promise<ReportedAssessment>;
  /** Updates of one assessment: first its state now; ends after its end. */
  watchAssessment(input: { assessmentId: string }): Promise<WorkUpdates>;
}
