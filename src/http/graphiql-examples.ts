const submit = `# Submit an assessment. Then watch it in the second tab while you work on it in the third.
mutation Submit($input: CreateAssessmentInput!) {
  createAssessment(input: $input) {
    __typename
    ... on CreateAssessmentPayload {
      created
      assessment { assessmentId state version createdAt }
    }
    ... on Error { code message }
    ... on InvalidInputError { fields { path message } }
  }
}`;

const watch = `# Begins with the state it has now, and completes by itself when the assessment has ended.
subscription Watch($assessmentId: String!) {
  assessmentUpdated(assessmentId: $assessmentId) {
    kind
    previousState
    assessment { state version progress message errorMessage resultData }
  }
}`;

const work = `# Run these one after the other, with the watching tab beside.
mutation Start($assessmentId: String!) {
  startProcessing(input: { assessmentId: $assessmentId }) {
    ... on StartProcessingPayload { assessment { state version } }
    ... on Error { code message }
  }
}

mutation Progress($assessmentId: String!) {
  updateProgress(input: { assessmentId: $assessmentId, progress: 50, message: "Half way" }) {
    ... on UpdateProgressPayload { assessment { state version progress } }
    ... on Error { code message }
  }
}

mutation Complete($assessmentId: String!) {
  completeAssessment(input: { assessmentId: $assessmentId, result: { score: 98 } }) {
    ... on CompleteAssessmentPayload { assessment { state version resultData } }
    ... on Error { code message }
  }
}`;

const list = `# What there is, the newest first, with the history of each.
query List($search: String, $after: String) {
  assessments(first: 10, after: $after, search: $search, where: { state: { notIn: [CANCELLED] } }) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      assessmentId type state progress serverName durationMs
      auditTrail(last: 3) { nodes { oldState newState versionTo changedBy reason createdAt } }
    }
  }
}`;

const wait = `# Answers when the assessment has ended, or when the time is up.
query Wait($assessmentId: String!) {
  waitForAssessment(assessmentId: $assessmentId, timeoutMs: 10000) {
    ... on WaitForAssessmentPayload { timedOut assessment { state resultData errorMessage } }
    ... on NotFoundError { message }
  }
}`;

const look = `query Look {
  health { status version uptimeSeconds checks { name status latencyMs message } }
  assessmentStats(windowMinutes: 60) { total active completed failed throughputPerMinute errorRate p95ProcessingTimeMs }
}`;

const assessmentId = { assessmentId: 'example-1' };
const variables = (values: object): string => JSON.stringify(values, null, 2);

/** The tabs that GraphiQL opens with: the whole way of an assessment, ready to run. */
export const exampleTabs = [
  {
    query: submit,
    variables: variables({ input: { ...assessmentId, type: 'HEALTH', serverName: 'web-1.example.com', metadata: { ticket: 'OPS-42' } } }),
  },
  { query: watch, variables: variables(assessmentId) },
  { query: work, variables: variables(assessmentId) },
  { query: wait, variables: variables(assessmentId) },
  { query: list, variables: variables({ search: null, after: null }) },
  { query: look },
];
