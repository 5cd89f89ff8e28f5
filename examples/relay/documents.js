// What relay-compiler compiles: in an application these stand in the components, and its Babel or SWC plugin puts what was compiled in their place.
import { graphql } from 'relay-runtime';

export const list = graphql`
  fragment documents_list on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "documentsListPaginationQuery") {
    assessments(first: $count, after: $cursor, where: { serverName: { eq: "relay.example.com" } })
    @connection(key: "documents_list_assessments") {
      edges {
        node {
          id
          ...documents_row
        }
      }
    }
  }
`;

export const row = graphql`
  fragment documents_row on Assessment {
    assessmentId
    state
    progress
  }
`;

export const page = graphql`
  query documentsQuery {
    ...documents_list
  }
`;

export const updates = graphql`
  subscription documentsSubscription($id: String!) {
    assessmentUpdated(assessmentId: $id) {
      kind
      assessment {
        ...documents_row
      }
    }
  }
`;

export const create = graphql`
  mutation documentsCreateMutation($input: CreateAssessmentInput!) {
    createAssessment(input: $input) {
      ... on CreateAssessmentPayload {
        assessment {
          ...documents_row
          assessmentId
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`;

export const start = graphql`
  mutation documentsStartMutation($id: String!) {
    startProcessing(input: { assessmentId: $id }) {
      ... on Error {
        message
      }
    }
  }
`;

export const complete = graphql`
  mutation documentsCompleteMutation($id: String!, $result: JSONObject!) {
    completeAssessment(input: { assessmentId: $id, result: $result }) {
      ... on Error {
        message
      }
    }
  }
`;
