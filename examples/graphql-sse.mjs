// graphql-sse: everything that happens, as server-sent events, for where WebSockets do not get through; broken off, and taken up again without a gap.
// In the "distinct connections mode", the client's default: each subscription is a request of its own.
//
//   npm start                        in one terminal
//   node examples/graphql-sse.mjs    in another; API_URL names another address than http://127.0.0.1:4000/graphql
import { createClient } from 'graphql-sse';

const client = createClient({ url: process.env.API_URL ?? 'http://127.0.0.1:4000/graphql' });

/** An operation that is answered once. Gives its data. */
async function ask(query, variables) {
  const { value } = await client.iterate({ query, variables }).next();
  if (value.errors) throw new AggregateError(value.errors, value.errors[0].message);
  return value.data;
}

const feed = (after) =>
  client.iterate({
    query: `
      subscription ($after: String) {
        assessmentFeed(after: $after, where: { serverName: { eq: "sse.example.com" } }) {
          cursor
          kind
          assessment { assessmentId state progress }
        }
      }
    `,
    variables: { after },
  });

const print = ({ kind, assessment }) => console.log(`${kind}: ${assessment.state}, ${assessment.progress} %`);

// The feed is to begin before anything happens.
let { feedCursor: cursor } = await ask('{ feedCursor }');
const { createAssessment } = await ask(`
  mutation {
    createAssessment(input: { type: HEALTH, serverName: "sse.example.com" }) {
      ... on CreateAssessmentPayload { assessment { assessmentId } }
      ... on Error { code message }
    }
  }
`);
const { assessmentId: id } = createAssessment.assessment;

for await (const { data } of feed(cursor)) {
  print(data.assessmentFeed);
  cursor = data.assessmentFeed.cursor;
  break; // as if the connection had been lost
}

// What happens while nobody listens …
await ask('mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }', { id });
await ask('mutation ($id: String!) { updateProgress(input: { assessmentId: $id, progress: 50 }) { __typename } }', { id });
await ask('mutation ($id: String!) { completeAssessment(input: { assessmentId: $id, result: { score: 98 } }) { __typename } }', { id });

// … comes when it goes on after the cursor that was seen last.
for await (const { data } of feed(cursor)) {
  print(data.assessmentFeed);
  if (data.assessmentFeed.assessment.state === 'COMPLETED') break;
}

// A feed has no end. The updates of one assessment do: the service ends them with the last one.
for await (const { data } of client.iterate({
  query: 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { kind assessment { state progress } } }',
  variables: { id },
}))
  print(data.assessmentUpdated);
console.log('the service has ended the subscription');
client.dispose();
