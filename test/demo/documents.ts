import { graphql } from '../generated/gql.ts';

/** What became of the assessments whose request holds some words. */
export const history = graphql(`
  query History($search: String!) {
    assessments(first: 10, search: $search) {
      nodes {
        type state progress errorMessage resultData retryCount
        auditTrail(first: 100) { nodes { newState progress versionTo reason } }
      }
    }
  }
`);
