const work = /* GraphQL */ `
  fragment Work on Assessment {
    assessmentId type source serverName state version progress message priority errorMessage retryCount maxRetries nextRetryAt timeoutMs
    claim { workerId claimedAt expiresAt } createdAt updatedAt startedAt completedAt
  }
`;

const refusal = /* GraphQL */ `
  fragment Refusal on Error {
    code message
    ... on InvalidInputError { fields { path message } }
    ... on NotFoundError { assessmentId }
    ... on AlreadyExistsError { assessment { ...Work } }
    ... on InvalidTransitionError { to allowed assessment { ...Work } }
    ... on VersionConflictError { expectedVersion assessment { ...Work } }
    ... on ClaimLostError { assessment { ...Work } }
  }
  ${work}
`;

export const create = /* GraphQL */ `
  mutation Create($input: CreateAssessmentInput!) {
    answer: createAssessment(input: $input) { ... on CreateAssessmentPayload { created assessment { ...Work } } ...Refusal }
  }
  ${refusal}
`;

export const claim = /* GraphQL */ `
  mutation Claim($input: ClaimAssessmentsInput!) {
    answer: claimAssessments(input: $input) { claims { claimToken expiresAt assessment { ...Work requestData } } }
  }
  ${work}
`;

export const beat = /* GraphQL */ `
  mutation Heartbeat($input: HeartbeatInput!) {
    answer: heartbeat(input: $input) { results { claimToken held cancelled expiresAt } }
  }
`;

export const release = /* GraphQL */ `
  mutation Release($input: ReleaseAssessmentsInput!) {
    answer: releaseAssessments(input: $input) { results { claimToken released } }
  }
`;

export const reportProgress = /* GraphQL */ `
  mutation Progress($input: BatchUpdateProgressInput!) {
    answer: batchUpdateProgress(input: $input) {
      results { ... on UpdateProgressPayload { assessment { assessmentId state version progress } } ...Refusal }
    }
  }
  ${refusal}
`;

export const complete = /* GraphQL */ `
  mutation Complete($input: BatchCompleteAssessmentsInput!) {
    answer: batchCompleteAssessments(input: $input) {
      results { ... on CompleteAssessmentPayload { assessment { assessmentId state version progress } } ...Refusal }
    }
  }
  ${refusal}
`;

export const fail = /* GraphQL */ `
  mutation Fail($input: FailAssessmentInput!) {
    answer: failAssessment(input: $input) {
      ... on FailAssessmentPayload { assessment { assessmentId state version progress } }
      ...Refusal
    }
  }
  ${refusal}
`;

export const read = /* GraphQL */ `
  query Read($assessmentId: String!) {
    answer: assessment(assessmentId: $assessmentId) { ...Work requestData resultData }
  }
  ${work}
`;

export const wait = /* GraphQL */ `
  query Wait($assessmentId: String!, $timeoutMs: Int!) {
    answer: waitForAssessment(assessmentId: $assessmentId, timeoutMs: $timeoutMs) {
      ... on WaitForAssessmentPayload { timedOut assessment { ...Work } }
      ...Refusal
    }
  }
  ${refusal}
`;

export const watch = /* GraphQL */ `
  subscription Watch($assessmentId: String!) {
    answer: assessmentUpdated(assessmentId: $assessmentId) { kind previousState assessment { ...Work } }
  }
  ${work}
`;
