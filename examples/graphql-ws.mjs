// graphql-ws: waiting for the end of an assessment over a WebSocket, and commands over the same socket.
//
//   npm start                        in one terminal
//   node examples/graphql-ws.mjs     in another; API_URL names another address than http://127.0.0.1:4000/graphql
import { createClient } from 'graphql-ws';
import WebSocket from 'ws'; // a browser brings its own

const url = process.env.API_URL ?? 'http://127.0.0.1:4000/graphql';
const client = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  // Usually it connects again after a lost connection, but not when the service is not back yet at once.
  shouldRetry: () => true,
});

/** An operation that is answered once. Gives its data. */
async function ask(query, variables) {
  const { value } = await client.iterate({ query, variables }).next();
  if (value.errors) throw new AggregateError(value.errors, value.errors[0].message);
  return value.data;
}

const { createAssessment } = await ask(`
  mutation {
    createAssessment(input: { type: HEALTH, serverName: "web-1.example.com" }) {
      ... on CreateAssessmentPayload { assessment { assessmentId } }
      ... on Error { code message }
    }
  }
`);
const { assessmentId } = createAssessment.assessment;

// What a worker does meanwhile, one step at a time.
const work = [
  'mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }',
  'mutation ($id: String!) { updateProgress(input: { assessmentId: $id, progress: 50, message: "half way" }) { __typename } }',
  'mutation ($id: String!) { completeAssessment(input: { assessmentId: $id, result: { score: 98 } }) { __typename } }',
];

// It begins with the state that there is, and the service ends it after the last one.
let seen = null;
const updates = client.iterate({
  query: `
    subscription ($id: String!, $afterVersion: Int) {
      assessmentUpdated(assessmentId: $id, afterVersion: $afterVersion) {
        kind
        assessment { version state progress resultData }
      }
    }
  `,
  // Read again when the client has lost its socket and subscribes anew: so nothing is told twice.
  get variables() {
    return { id: assessmentId, afterVersion: seen };
  },
});
for await (const { data } of updates) {
  const { kind, assessment } = data.assessmentUpdated;
  seen = assessment.version;
  console.log(`${kind}: ${assessment.state}, ${assessment.progress} %`);
  if (assessment.resultData) console.log('the result:', assessment.resultData);
  if (work.length > 0) await ask(work.shift(), { id: assessmentId });
}
console.log('the service has ended the subscription');
await client.dispose();
