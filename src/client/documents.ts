const view = /* GraphQL */ `
  fragment View on Assessment {
    assessmentId type source serverName state version progress message priority errorMessage retryCount maxRetries nextRetryAt timeoutMs
    claim { workerId claimedAt expiresAt } createdAt updatedAt startedAt completedAt
  }
`;

const change = /* GraphQL */ `
  fragment Change on AssessmentAuditEntry { assessmentId oldState newState versionFrom versionTo progress changedBy reason createdAt }
`;

const refusal = /* GraphQL */ `
  fragment Refusal on Error {
    code message
    ... on InvalidInputError { fields { path message } }
    ... on NotFoundError { assessmentId }
    ... on AlreadyExistsError { assessment { ...View } }
    ... on InvalidTransitionError { to allowed assessment { ...View } }
    ... on VersionConflictError { expectedVersion assessment { ...View } }
    ... on ClaimLostError { assessment { ...View } }
  }
  ${view}
`;

/** A command on one assessment: gives the assessment, or why it was refused. */
const command = (field: string, input: string, payload: string, selection = '...View') => /* GraphQL */ `
  mutation Command($input: ${input}!) {
    answer: ${field}(input: $input) { ... on ${payload} { assessment { ${selection} } } ...Refusal }
  }
  ${refusal}
`;

export const create = /* GraphQL */ `
  mutation Create($input: CreateAssessmentInput!) {
    answer: createAssessment(input: $input) { ... on CreateAssessmentPayload { created assessment { ...View } } ...Refusal }
  }
  ${refusal}
`;

export const start = command('startProcessing', 'StartProcessingInput', 'StartProcessingPayload');
export const progress = command('updateProgress', 'UpdateProgressInput', 'UpdateProgressPayload');
export const complete = command('completeAssessment', 'CompleteAssessmentInput', 'CompleteAssessmentPayload');
export const fail = command('failAssessment', 'FailAssessmentInput', 'FailAssessmentPayload');
export const cancel = command('cancelAssessment', 'CancelAssessmentInput', 'CancelAssessmentPayload');
export const retry = command('retryAssessment', 'RetryAssessmentInput', 'RetryAssessmentPayload');

export const claim = /* GraphQL */ `
  mutation Claim($input: ClaimAssessmentsInput!) {
    answer: claimAssessments(input: $input) { claims { claimToken expiresAt assessment { ...View requestData } } }
  }
  ${view}
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

export const batchCreate = /* GraphQL */ `
  mutation BatchCreate($input: BatchCreateAssessmentsInput!) {
    answer: batchCreateAssessments(input: $input) {
      results { ... on CreateAssessmentPayload { created assessment { ...View } } ...Refusal }
    }
  }
  ${refusal}
`;

const batchProgressOf = (selection: string) => /* GraphQL */ `
  mutation BatchProgress($input: BatchUpdateProgressInput!) {
    answer: batchUpdateProgress(input: $input) {
      results { ... on UpdateProgressPayload { assessment { ${selection} } } ...Refusal }
    }
  }
  ${refusal}
`;

const batchCompleteOf = (selection: string) => /* GraphQL */ `
  mutation BatchComplete($input: BatchCompleteAssessmentsInput!) {
    answer: batchCompleteAssessments(input: $input) {
      results { ... on CompleteAssessmentPayload { assessment { ${selection} } } ...Refusal }
    }
  }
  ${refusal}
`;

export const batchProgress = batchProgressOf('...View');
export const batchComplete = batchCompleteOf('...View');

/** What a worker needs to know of what it reported. */
const reported = 'assessmentId state version progress';
export const reportProgress = batchProgressOf(reported);
export const reportCompletions = batchCompleteOf(reported);
export const reportFailure = command('failAssessment', 'FailAssessmentInput', 'FailAssessmentPayload', reported);

export const batchRetry = /* GraphQL */ `
  mutation BatchRetry($input: BatchRetryFailedAssessmentsInput!) { answer: batchRetryFailedAssessments(input: $input) { assessmentIds } }
`;

export const batchCancel = /* GraphQL */ `
  mutation BatchCancel($input: BatchCancelAssessmentsInput!) { answer: batchCancelAssessments(input: $input) { assessmentIds } }
`;

export const cleanup = /* GraphQL */ `
  mutation Cleanup($input: CleanupOldAssessmentsInput!) { answer: cleanupOldAssessments(input: $input) { deletedCount } }
`;

export const read = /* GraphQL */ `
  query Read($assessmentId: String!) {
    answer: assessment(assessmentId: $assessmentId) { ...View requestData resultData }
  }
  ${view}
`;

/** With what made it as it is. */
export const readChange = /* GraphQL */ `
  query ReadChange($assessmentId: String!) {
    answer: assessment(assessmentId: $assessmentId) { ...View resultData auditTrail(last: 1) { nodes { ...Change } } }
  }
  ${view} ${change}
`;

/** Looks, and does not wait. */
export const look = /* GraphQL */ `
  query Look($assessmentId: String!) {
    answer: waitForAssessment(assessmentId: $assessmentId, timeoutMs: 0) {
      ... on WaitForAssessmentPayload { timedOut assessment { ...View } }
      ...Refusal
    }
  }
  ${refusal}
`;

export const list = /* GraphQL */ `
  query List(
    $where: AssessmentFilter, $search: String, $orderBy: AssessmentOrder, $first: Int, $after: String, $last: Int, $before: String
  ) {
    answer: assessments(where: $where, search: $search, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { ...View } }
      pageInfo { hasNextPage hasPreviousPage }
    }
  }
  ${view}
`;

export const count = /* GraphQL */ `
  query Count($where: AssessmentFilter, $search: String) { answer: assessments(where: $where, search: $search, first: 0) { totalCount } }
`;

export const auditTrail = /* GraphQL */ `
  query AuditTrail($assessmentId: String!, $first: Int, $after: String, $last: Int, $before: String) {
    answer: assessment(assessmentId: $assessmentId) {
      auditTrail(first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { ...Change } }
        pageInfo { hasNextPage hasPreviousPage }
      }
    }
  }
  ${change}
`;

export const stats = /* GraphQL */ `
  query Stats($windowMinutes: Int, $type: AssessmentType, $serverName: String) {
    answer: assessmentStats(windowMinutes: $windowMinutes, type: $type, serverName: $serverName) {
      total active pending processing completed failed cancelled
      averageProcessingTimeMs p50ProcessingTimeMs p95ProcessingTimeMs p99ProcessingTimeMs
      throughputPerMinute errorRate oldestPendingAgeMs
      series { at created completed failed cancelled averageProcessingTimeMs }
    }
  }
`;

export const queueStatus = /* GraphQL */ `
  query Queue {
    answer: queueStatus {
      depth ready scheduled processing
      byPriority { priority ready oldestAgeMs }
      workers { workerId processing lastSeenAt }
    }
  }
`;

export const health = /* GraphQL */ `
  query Health { answer: health { status version uptimeSeconds checks { name status latencyMs message } } }
`;

export const watch = /* GraphQL */ `
  subscription Watch($assessmentId: String!, $afterVersion: Int) {
    answer: assessmentUpdated(assessmentId: $assessmentId, afterVersion: $afterVersion) { kind previousState assessment { ...View } }
  }
  ${view}
`;

export const feed = /* GraphQL */ `
  subscription Feed($where: AssessmentFilter, $after: String) {
    answer: assessmentFeed(where: $where, after: $after) { kind previousState cursor assessment { ...View } }
  }
  ${view}
`;

/** Where a feed stands that begins now. */
export const feedCursor = /* GraphQL */ `
  query FeedCursor { answer: feedCursor }
`;
