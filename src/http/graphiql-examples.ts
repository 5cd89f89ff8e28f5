const submit = `# Submit an assessment. Then watch it in the next tab, and work on it in the third.
mutation Submit {
  createAssessment(input: { assessmentId: "example-1", type: HEALTH, serverName: "web-1.example.com", metadata: { ticket: "OPS-42" } }) {
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
subscription Watch {
  assessmentUpdated(assessmentId: "example-1") {
    kind
    previousState
    assessment { state version progress message errorMessage resultData }
  }
}`;

const work = `# Run these one after the other, with the watching tab in a second window.
mutation Start {
  startProcessing(input: { assessmentId: "example-1" }) {
    ... on StartProcessingPayload { assessment { state version } }
    ... on Error { code message }
  }
}

mutation Progress {
  updateProgress(input: { assessmentId: "example-1", progress: 50, message: "Half way" }) {
    ... on UpdateProgressPayload { assessment { state version progress } }
    ... on Error { code message }
  }
}

mutation Complete {
  completeAssessment(input: { assessmentId: "example-1", result: { score: 98 } }) {
    ... on CompleteAssessmentPayload { assessment { state version resultData } }
    ... on Error { code message }
  }
}`;

const wait = `# Answers when the assessment has ended, or when the time is up.
query Wait {
  waitForAssessment(assessmentId: "example-1", timeoutMs: 10000) {
    ... on WaitForAssessmentPayload { timedOut assessment { state resultData errorMessage } }
    ... on NotFoundError { message }
  }
}`;

const list = `# What there is, the newest first, with the last changes of each. Try search: "web OPS-42".
query List {
  assessments(first: 10, where: { state: { notIn: [CANCELLED] } }) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      assessmentId type state progress serverName durationMs
      auditTrail(last: 3) { nodes { oldState newState versionTo changedBy reason createdAt } }
    }
  }
}`;

const look = `# How the service is doing.
query Look {
  health { status version uptimeSeconds checks { name status latencyMs message } }
  assessmentStats(windowMinutes: 60) { total active completed failed throughputPerMinute errorRate p95ProcessingTimeMs }
}`;

/** The tabs that GraphiQL opens with: the whole way of an assessment, ready to run. */
export const exampleTabs = [submit, watch, work, wait, list, look].map((query) => ({ query }));
