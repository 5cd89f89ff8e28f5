/* eslint-disable */
import * as types from './graphql.ts';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  query ServiceHealth { health { status version } }\n": typeof types.ServiceHealthDocument,
    "\n  mutation Submit($input: CreateAssessmentInput!) {\n    createAssessment(input: $input) {\n      __typename\n      ... on CreateAssessmentPayload { assessment { assessmentId } }\n      ... on Error { code message }\n    }\n  }\n": typeof types.SubmitDocument,
    "\n  subscription Watch($assessmentId: String!) {\n    assessmentUpdated(assessmentId: $assessmentId) {\n      assessment { state terminal progress message errorMessage resultData durationMs }\n    }\n  }\n": typeof types.WatchDocument,
    "\n  mutation Cancel($input: CancelAssessmentInput!) {\n    cancelAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n": typeof types.CancelDocument,
    "\n  query Task($assessmentId: String!) { assessment(assessmentId: $assessmentId) { version requestData } }\n": typeof types.TaskDocument,
    "\n  mutation Start($input: StartProcessingInput!) {\n    startProcessing(input: $input) { __typename ... on Error { code message } }\n  }\n": typeof types.StartDocument,
    "\n  mutation Report($input: UpdateProgressInput!) {\n    updateProgress(input: $input) { __typename ... on Error { code message } }\n  }\n": typeof types.ReportDocument,
    "\n  mutation Complete($input: CompleteAssessmentInput!) {\n    completeAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n": typeof types.CompleteDocument,
    "\n  mutation Fail($input: FailAssessmentInput!) {\n    failAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n": typeof types.FailDocument,
};
const documents: Documents = {
    "\n  query ServiceHealth { health { status version } }\n": types.ServiceHealthDocument,
    "\n  mutation Submit($input: CreateAssessmentInput!) {\n    createAssessment(input: $input) {\n      __typename\n      ... on CreateAssessmentPayload { assessment { assessmentId } }\n      ... on Error { code message }\n    }\n  }\n": types.SubmitDocument,
    "\n  subscription Watch($assessmentId: String!) {\n    assessmentUpdated(assessmentId: $assessmentId) {\n      assessment { state terminal progress message errorMessage resultData durationMs }\n    }\n  }\n": types.WatchDocument,
    "\n  mutation Cancel($input: CancelAssessmentInput!) {\n    cancelAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n": types.CancelDocument,
    "\n  query Task($assessmentId: String!) { assessment(assessmentId: $assessmentId) { version requestData } }\n": types.TaskDocument,
    "\n  mutation Start($input: StartProcessingInput!) {\n    startProcessing(input: $input) { __typename ... on Error { code message } }\n  }\n": types.StartDocument,
    "\n  mutation Report($input: UpdateProgressInput!) {\n    updateProgress(input: $input) { __typename ... on Error { code message } }\n  }\n": types.ReportDocument,
    "\n  mutation Complete($input: CompleteAssessmentInput!) {\n    completeAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n": types.CompleteDocument,
    "\n  mutation Fail($input: FailAssessmentInput!) {\n    failAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n": types.FailDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ServiceHealth { health { status version } }\n"): typeof import('./graphql.ts').ServiceHealthDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Submit($input: CreateAssessmentInput!) {\n    createAssessment(input: $input) {\n      __typename\n      ... on CreateAssessmentPayload { assessment { assessmentId } }\n      ... on Error { code message }\n    }\n  }\n"): typeof import('./graphql.ts').SubmitDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription Watch($assessmentId: String!) {\n    assessmentUpdated(assessmentId: $assessmentId) {\n      assessment { state terminal progress message errorMessage resultData durationMs }\n    }\n  }\n"): typeof import('./graphql.ts').WatchDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Cancel($input: CancelAssessmentInput!) {\n    cancelAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n"): typeof import('./graphql.ts').CancelDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Task($assessmentId: String!) { assessment(assessmentId: $assessmentId) { version requestData } }\n"): typeof import('./graphql.ts').TaskDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Start($input: StartProcessingInput!) {\n    startProcessing(input: $input) { __typename ... on Error { code message } }\n  }\n"): typeof import('./graphql.ts').StartDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Report($input: UpdateProgressInput!) {\n    updateProgress(input: $input) { __typename ... on Error { code message } }\n  }\n"): typeof import('./graphql.ts').ReportDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Complete($input: CompleteAssessmentInput!) {\n    completeAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n"): typeof import('./graphql.ts').CompleteDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Fail($input: FailAssessmentInput!) {\n    failAssessment(input: $input) { __typename ... on Error { code message } }\n  }\n"): typeof import('./graphql.ts').FailDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
