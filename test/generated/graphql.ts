/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
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

export type HistoryQueryVariables = Exact<{
  search: string;
}>;


export type HistoryQuery = { assessments: { nodes: Array<{ type: AssessmentType, state: AssessmentState, progress: number, errorMessage: string | null, resultData: Record<string, unknown> | null, retryCount: number, auditTrail: { nodes: Array<{ newState: AssessmentState, progress: number, versionTo: number, reason: string | null }> } }> } };

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

export const HistoryDocument = new TypedDocumentString(`
    query History($search: String!) {
  assessments(first: 10, search: $search) {
    nodes {
      type
      state
      progress
      errorMessage
      resultData
      retryCount
      auditTrail(first: 100) {
        nodes {
          newState
          progress
          versionTo
          reason
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<HistoryQuery, HistoryQueryVariables>;