/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** How an assessment is to be done. */
export type AssessmentOptionsInput = {
  /** Whether to check compliance. */
  checkCompliance?: boolean | null | undefined;
  /** Whether to check the status of the server. */
  checkServerStatus?: boolean | null | undefined;
  /** Whether to look more closely, which takes longer. */
  deepScan?: boolean | null | undefined;
  /** Whether a report is to be made. */
  generateReport?: boolean | null | undefined;
  /** Whether the result is to hold details. */
  includeDetails?: boolean | null | undefined;
  /** Whether the results are to be kept. */
  saveResults?: boolean | null | undefined;
  /** To which servers to limit it: at most 1000 names of at most 255 characters; empty means no limit. */
  serverFilter?: Array<string> | null | undefined;
  /** How long the check itself may take, in milliseconds. */
  timeout?: number | null | undefined;
  /** Whether to check the configuration of the server. */
  validateConfig?: boolean | null | undefined;
};

/** Which system submitted an assessment. */
export type AssessmentSource =
  /** A client of this API. */
  | 'API'
  /** The compliance system, by its own schedule. */
  | 'COMPLIANCE'
  /** An installer, while it sets a server up. */
  | 'INSTALLER';

/** Where an assessment stands in its lifecycle. */
export type AssessmentState =
  /** Given up before it ended. Final. */
  | 'CANCELLED'
  /** Ended with a result. Final. */
  | 'COMPLETED'
  /** Ended with an error. Terminal, but `retryAssessment` begins a new round. */
  | 'FAILED'
  /** Accepted; waits to be processed, or to be tried again. */
  | 'PENDING'
  /** Being worked on. */
  | 'PROCESSING';

/** What kind of check an assessment is. */
export type AssessmentType =
  /** Whether a server follows a set of rules. */
  | 'COMPLIANCE'
  /** Whether a server answers, how fast, and in what condition it is. */
  | 'HEALTH'
  /** How a server is protected. */
  | 'SECURITY';

/** An assessment to give up, PENDING or PROCESSING. */
export type CancelAssessmentInput = {
  /** The assessment, by the caller's own key. */
  assessmentId: string;
  /** The version that it must have; with another it is refused with VersionConflictError. */
  expectedVersion?: number | null | undefined;
  /** Why, for the audit trail; at most 2,000 characters. */
  reason?: string | null | undefined;
};

/** The result of an assessment in PROCESSING. */
export type CompleteAssessmentInput = {
  /** The assessment, by the caller's own key. */
  assessmentId: string;
  /** The token of the claim that it is held with; without a claim, none. */
  claimToken?: string | null | undefined;
  /** The version that it must have; with another it is refused with VersionConflictError. */
  expectedVersion?: number | null | undefined;
  /** What was found. */
  result: Record<string, unknown>;
};

/** An assessment to create. As JSON it may have at most 1 MiB. */
export type CreateAssessmentInput = {
  /** The caller's own key: 1 to 255 characters. The same key with the same request is the same assessment. Default: a new UUIDv7. */
  assessmentId?: string | null | undefined;
  /** How often a failed attempt is tried again by itself: 0 to 1000. */
  maxRetries?: number | null | undefined;
  /** Whatever else belongs to the request. */
  metadata?: Record<string, unknown> | null | undefined;
  /** How it is to be done. */
  options?: AssessmentOptionsInput | null | undefined;
  /** 1 (the most urgent) to 10. */
  priority?: number | null | undefined;
  /** The server that it is about: 1 to 255 characters. */
  serverName?: string | null | undefined;
  /** Which system submits it. */
  source?: AssessmentSource;
  /** Longest time that it may spend in PROCESSING, in milliseconds; at least 1. */
  timeoutMs?: number | null | undefined;
  /** When the caller made the request, by the caller's own clock. */
  timestamp?: string | null | undefined;
  /** What kind of check it is. */
  type: AssessmentType;
};

/** Why a request was refused; nothing was changed. */
export type ErrorCode =
  /** The key is taken by an assessment that was created with another request. */
  | 'ALREADY_EXISTS'
  /** The claim token is missing, stale, or not the one that the assessment is held with. */
  | 'CLAIM_LOST'
  /** The input is wrong, whatever the state of the assessment. */
  | 'INVALID_INPUT'
  /** The lifecycle does not lead from the state it has to the one asked for. */
  | 'INVALID_TRANSITION'
  /** There is no such assessment. */
  | 'NOT_FOUND'
  /** The assessment has changed since the version that was expected. */
  | 'VERSION_CONFLICT';

/** Why an attempt failed. Retryable and with retries left it goes back to PENDING for the next attempt, else to FAILED. */
export type FailAssessmentInput = {
  /** The assessment, by the caller's own key. */
  assessmentId: string;
  /** The token of the claim that it is held with; without a claim, none. */
  claimToken?: string | null | undefined;
  /** What went wrong: 1 to 10,000 characters. */
  error: string;
  /** The version that it must have; with another it is refused with VersionConflictError. */
  expectedVersion?: number | null | undefined;
  /** Whether another attempt makes sense. */
  retryable?: boolean | null | undefined;
};

/** How the service, or a part of it, is doing. */
export type HealthState =
  /** It works, but slower or with less than usual. */
  | 'DEGRADED'
  /** As it should be. */
  | 'HEALTHY'
  /** It does not work. */
  | 'UNHEALTHY';

/** An assessment to start. No claim is made: what was started so needs no token. */
export type StartProcessingInput = {
  /** The assessment, by the caller's own key. */
  assessmentId: string;
  /** The version that it must have; with another it is refused with VersionConflictError. */
  expectedVersion?: number | null | undefined;
};

/** How far an assessment in PROCESSING has got. */
export type UpdateProgressInput = {
  /** The assessment, by the caller's own key. */
  assessmentId: string;
  /** The token of the claim that it is held with; without a claim, none. */
  claimToken?: string | null | undefined;
  /** The version that it must have; with another it is refused with VersionConflictError. */
  expectedVersion?: number | null | undefined;
  /** What is being done; at most 10,000 characters. Left out, the last message stays. */
  message?: string | null | undefined;
  /** 0 to 100, and not less than it has. */
  progress: number;
};

export type ServiceHealthQueryVariables = Exact<{ [key: string]: never; }>;


export type ServiceHealthQuery = { health: { status: HealthState, version: string } };

export type SubmitMutationVariables = Exact<{
  input: CreateAssessmentInput;
}>;


export type SubmitMutation = { createAssessment:
    | { __typename: 'AlreadyExistsError', code: ErrorCode, message: string }
    | { __typename: 'CreateAssessmentPayload', assessment: { assessmentId: string } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string }
   };

export type WatchSubscriptionVariables = Exact<{
  assessmentId: string;
}>;


export type WatchSubscription = { assessmentUpdated: { assessment: { state: AssessmentState, terminal: boolean, progress: number, message: string | null, errorMessage: string | null, resultData: Record<string, unknown> | null, durationMs: number | null } } };

export type CancelMutationVariables = Exact<{
  input: CancelAssessmentInput;
}>;


export type CancelMutation = { cancelAssessment:
    | { __typename: 'CancelAssessmentPayload' }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string }
    | { __typename: 'InvalidTransitionError', code: ErrorCode, message: string }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string }
    | { __typename: 'VersionConflictError', code: ErrorCode, message: string }
   };

export type TaskQueryVariables = Exact<{
  assessmentId: string;
}>;


export type TaskQuery = { assessment: { version: number, requestData: Record<string, unknown> } | null };

export type StartMutationVariables = Exact<{
  input: StartProcessingInput;
}>;


export type StartMutation = { startProcessing:
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string }
    | { __typename: 'InvalidTransitionError', code: ErrorCode, message: string }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string }
    | { __typename: 'StartProcessingPayload' }
    | { __typename: 'VersionConflictError', code: ErrorCode, message: string }
   };

export type ReportMutationVariables = Exact<{
  input: UpdateProgressInput;
}>;


export type ReportMutation = { updateProgress:
    | { __typename: 'ClaimLostError', code: ErrorCode, message: string }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string }
    | { __typename: 'InvalidTransitionError', code: ErrorCode, message: string }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string }
    | { __typename: 'UpdateProgressPayload' }
    | { __typename: 'VersionConflictError', code: ErrorCode, message: string }
   };

export type CompleteMutationVariables = Exact<{
  input: CompleteAssessmentInput;
}>;


export type CompleteMutation = { completeAssessment:
    | { __typename: 'ClaimLostError', code: ErrorCode, message: string }
    | { __typename: 'CompleteAssessmentPayload' }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string }
    | { __typename: 'InvalidTransitionError', code: ErrorCode, message: string }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string }
    | { __typename: 'VersionConflictError', code: ErrorCode, message: string }
   };

export type FailMutationVariables = Exact<{
  input: FailAssessmentInput;
}>;


export type FailMutation = { failAssessment:
    | { __typename: 'ClaimLostError', code: ErrorCode, message: string }
    | { __typename: 'FailAssessmentPayload' }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string }
    | { __typename: 'InvalidTransitionError', code: ErrorCode, message: string }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string }
    | { __typename: 'VersionConflictError', code: ErrorCode, message: string }
   };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}

export const ServiceHealthDocument = new TypedDocumentString(`
    query ServiceHealth {
  health {
    status
    version
  }
}
    `) as unknown as TypedDocumentString<ServiceHealthQuery, ServiceHealthQueryVariables>;
export const SubmitDocument = new TypedDocumentString(`
    mutation Submit($input: CreateAssessmentInput!) {
  createAssessment(input: $input) {
    __typename
    ... on CreateAssessmentPayload {
      assessment {
        assessmentId
      }
    }
    ... on Error {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<SubmitMutation, SubmitMutationVariables>;
export const WatchDocument = new TypedDocumentString(`
    subscription Watch($assessmentId: String!) {
  assessmentUpdated(assessmentId: $assessmentId) {
    assessment {
      state
      terminal
      progress
      message
      errorMessage
      resultData
      durationMs
    }
  }
}
    `) as unknown as TypedDocumentString<WatchSubscription, WatchSubscriptionVariables>;
export const CancelDocument = new TypedDocumentString(`
    mutation Cancel($input: CancelAssessmentInput!) {
  cancelAssessment(input: $input) {
    __typename
    ... on Error {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<CancelMutation, CancelMutationVariables>;
export const TaskDocument = new TypedDocumentString(`
    query Task($assessmentId: String!) {
  assessment(assessmentId: $assessmentId) {
    version
    requestData
  }
}
    `) as unknown as TypedDocumentString<TaskQuery, TaskQueryVariables>;
export const StartDocument = new TypedDocumentString(`
    mutation Start($input: StartProcessingInput!) {
  startProcessing(input: $input) {
    __typename
    ... on Error {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<StartMutation, StartMutationVariables>;
export const ReportDocument = new TypedDocumentString(`
    mutation Report($input: UpdateProgressInput!) {
  updateProgress(input: $input) {
    __typename
    ... on Error {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<ReportMutation, ReportMutationVariables>;
export const CompleteDocument = new TypedDocumentString(`
    mutation Complete($input: CompleteAssessmentInput!) {
  completeAssessment(input: $input) {
    __typename
    ... on Error {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<CompleteMutation, CompleteMutationVariables>;
export const FailDocument = new TypedDocumentString(`
    mutation Fail($input: FailAssessmentInput!) {
  failAssessment(input: $input) {
    __typename
    ... on Error {
      code
      message
    }
  }
}
    `) as unknown as TypedDocumentString<FailMutation, FailMutationVariables>;