import { graphql } from './generated/gql.ts';

/** Whether a service answers, and how it is doing. */
export const serviceHealth = graphql(`
  query ServiceHealth { health { status version } }
`);

/** The client: submits an assessment. */
export const submit = graphql(`
  mutation Submit($input: CreateAssessmentInput!) {
    createAssessment(input: $input) {
      __typename
      ... on CreateAssessmentPayload { assessment { assessmentId } }
      ... on Error { code message }
    }
  }
`);

/** The client: waits for the end; the service completes the subscription after the terminal state. */
export const watch = graphql(`
  subscription Watch($assessmentId: String!) {
    assessmentUpdated(assessmentId: $assessmentId) {
      assessment { state terminal progress message errorMessage resultData durationMs }
    }
  }
`);

/** The client: gives up. */
export const cancel = graphql(`
  mutation Cancel($input: CancelAssessmentInput!) {
    cancelAssessment(input: $input) { __typename ... on Error { code message } }
  }
`);

/** The worker: what is to be done. */
export const task = graphql(`
  query Task($assessmentId: String!) { assessment(assessmentId: $assessmentId) { version requestData } }
`);

/** The worker: begins. */
export const start = graphql(`
  mutation Start($input: StartProcessingInput!) {
    startProcessing(input: $input) { __typename ... on Error { code message } }
  }
`);

/** The worker: says how far it is. */
export const report = graphql(`
  mutation Report($input: UpdateProgressInput!) {
    updateProgress(input: $input) { __typename ... on Error { code message } }
  }
`);

/** The worker: ends with a result. */
export const complete = graphql(`
  mutation Complete($input: CompleteAssessmentInput!) {
    completeAssessment(input: $input) { __typename ... on Error { code message } }
  }
`);

/** The worker: ends with an error. */
export const fail = graphql(`
  mutation Fail($input: FailAssessmentInput!) {
    failAssessment(input: $input) { __typename ... on Error { code message } }
  }
`);
