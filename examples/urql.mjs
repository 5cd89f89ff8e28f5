// urql: queries and mutations over HTTP, subscriptions over WebSocket by graphql-ws.
//
//   npm start               in one terminal
//   node examples/urql.mjs  in another; API_URL names another address than http://127.0.0.1:4000/graphql
import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { toAsyncIterable } from 'wonka'; // urql's own
import WebSocket from 'ws'; // a browser brings its own

const url = process.env.API_URL ?? 'http://127.0.0.1:4000/graphql';
const socket = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, shouldRetry: () => true });
const client = new Client({
  url,
  preferGetMethod: false,
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
});

const create = gql`
  mutation {
    createAssessment(input: { type: HEALTH, serverName: "urql.example.com" }) {
      ... on CreateAssessmentPayload { assessment { id assessmentId } }
      ... on Error { code message }
    }
  }
`;
const changes = gql`
  subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { kind assessment { id state progress } } }
`;
const one = gql`
  query ($id: String!) { assessment(assessmentId: $id) { id state resultData auditTrail(last: 1) { nodes { id reason versionTo } } } }
`;
// What a worker does meanwhile, one step at a time.
const work = [
  gql`mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }`,
  gql`mutation ($id: String!) { updateProgress(input: { assessmentId: $id, progress: 50 }) { __typename } }`,
  gql`mutation ($id: String!) { completeAssessment(input: { assessmentId: $id, result: { score: 98 } }) { __typename } }`,
];

/** The data of an answer. */
const dataOf = ({ data, error }) => {
  if (error) throw error;
  return data;
};

const { createAssessment } = dataOf(await client.mutation(create, {}));
const { assessmentId: id } = createAssessment.assessment;

// It begins with the state that there is, and the service ends it after the last one.
for await (const result of toAsyncIterable(client.subscription(changes, { id }))) {
  if (!result.hasNext) break; // the service has ended it; urql gives the last result once more to say so
  const { kind, assessment } = dataOf(result).assessmentUpdated;
  console.log(`${kind}: ${assessment.state}, ${assessment.progress} %`);
  if (work.length > 0) dataOf(await client.mutation(work.shift(), { id }));
}
console.log('the service has ended the subscription');

const { assessment } = dataOf(await client.query(one, { id }));
console.log('the result:', assessment.resultData, 'version', assessment.auditTrail.nodes[0].versionTo);
await socket.dispose();
