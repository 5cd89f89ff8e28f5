// Apollo Client: queries and mutations over HTTP, subscriptions over WebSocket by its graphql-ws link, one normalized cache, and a list page by page.
//
//   npm start                         in one terminal
//   node examples/apollo-client.mjs   in another; API_URL names another address than http://127.0.0.1:4000/graphql
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws'; // a browser brings its own

const url = process.env.API_URL ?? 'http://127.0.0.1:4000/graphql';
const socket = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, shouldRetry: () => true });
const client = new ApolloClient({
  link: ApolloLink.split(({ operationType }) => operationType === 'subscription', new GraphQLWsLink(socket), new HttpLink({ uri: url })),
  cache: new InMemoryCache({
    // Refusals are members of the results: this is how the cache knows which of them `... on Error` means.
    possibleTypes: {
      Error: [
        'AlreadyExistsError',
        'ClaimLostError',
        'InvalidInputError',
        'InvalidTransitionError',
        'NotFoundError',
        'VersionConflictError',
      ],
    },
    // Connections are as Relay wants them: fetchMore puts one page behind the other.
    typePolicies: { Query: { fields: { assessments: relayStylePagination(['where', 'search', 'orderBy']) } } },
  }),
});

// With its `id`, an assessment is one object of the cache, whatever it came by.
const fields = gql`
  fragment Fields on Assessment { id assessmentId state progress }
`;
const create = gql`
  mutation {
    createAssessment(input: { type: HEALTH, serverName: "apollo.example.com" }) {
      ... on CreateAssessmentPayload { assessment { ...Fields } }
      ... on Error { code message }
    }
  }
  ${fields}
`;
const one = gql`
  query ($id: String!) { assessment(assessmentId: $id) { ...Fields } }
  ${fields}
`;
const changes = gql`
  subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { kind assessment { ...Fields } } }
  ${fields}
`;
const cancel = gql`
  mutation ($id: String!) { cancelAssessment(input: { assessmentId: $id }) { ... on Error { code message } } }
`;
const some = gql`
  query ($after: String) {
    assessments(first: 1, after: $after, where: { serverName: { eq: "apollo.example.com" } }) {
      edges { node { ...Fields } }
      pageInfo { hasNextPage endCursor }
    }
  }
  ${fields}
`;
// What a worker does meanwhile, one step at a time.
const work = [
  gql`mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }`,
  gql`mutation ($id: String!) { updateProgress(input: { assessmentId: $id, progress: 50 }) { __typename } }`,
  gql`mutation ($id: String!) { completeAssessment(input: { assessmentId: $id, result: { score: 98 } }) { __typename } }`,
];

const { data: created } = await client.mutate({ mutation: create });
const { assessmentId: id } = created.createAssessment.assessment;

// What a component sees of the cache, as useQuery shows it.
const view = client.watchQuery({ query: one, variables: { id } }).subscribe(({ data }) => {
  if (data) console.log(`in the cache: ${data.assessment?.state}`);
});

// It begins with the state that there is, and the service ends it after the last one.
await new Promise((resolve, reject) => {
  const next = ({ data, error }) => {
    if (error) return reject(error);
    console.log(`${data.assessmentUpdated.kind}: ${data.assessmentUpdated.assessment.state}`);
    if (work.length > 0) client.mutate({ mutation: work.shift(), variables: { id } }).catch(reject);
  };
  client.subscribe({ query: changes, variables: { id } }).subscribe({ next, error: reject, complete: resolve });
});
console.log('the service has ended the subscription');

const { data: refused } = await client.mutate({ mutation: cancel, variables: { id } });
console.log(`too late to cancel it: ${refused.cancelAssessment.code}`);

const list = client.watchQuery({ query: some });
let { data: page } = await list.refetch();
while (page.assessments.pageInfo.hasNextPage) {
  ({ data: page } = await list.fetchMore({ variables: { after: page.assessments.pageInfo.endCursor } }));
}
console.log(`assessments of this server: ${list.getCurrentResult().data.assessments.edges.length}`);

view.unsubscribe();
client.stop();
await socket.dispose();
