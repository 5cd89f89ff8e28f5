// Relay: its compiler against the service's schema.graphql, and its network layer with graphql-ws for subscriptions.
//
//   npm start                                                        in one terminal
//   cd examples/relay && npx relay-compiler && node main.mjs         in another; API_URL names another address than http://127.0.0.1:4000/graphql
import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import WebSocket from 'ws'; // a browser brings its own
import listFragment from './generated/documents_list.graphql.js';
import rowFragment from './generated/documents_row.graphql.js';
import completeMutation from './generated/documentsCompleteMutation.graphql.js';
import createMutation from './generated/documentsCreateMutation.graphql.js';
import paginationQuery from './generated/documentsListPaginationQuery.graphql.js';
import pageQuery from './generated/documentsQuery.graphql.js';
import startMutation from './generated/documentsStartMutation.graphql.js';
import updatesSubscription from './generated/documentsSubscription.graphql.js';

const { Environment, Network, Observable, RecordSource, Store } = relay;
const url = process.env.API_URL ?? 'http://127.0.0.1:4000/graphql';
const socket = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, shouldRetry: () => true });

async function fetchOperation({ text: query }, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}
const subscribe = ({ text: query, name: operationName }, variables) =>
  Observable.create((sink) => socket.subscribe({ query, operationName, variables }, sink));

const environment = new Environment({ network: Network.create(fetchOperation, subscribe), store: new Store(new RecordSource()) });

const mutate = (mutation, variables) =>
  new Promise((onCompleted, onError) => relay.commitMutation(environment, { mutation, variables, onCompleted, onError }));
/** What a component sees: a fragment's data, read from the store. */
const read = (fragment, reference) => environment.lookup(relay.getSingularSelector(fragment, reference)).data;

for (let created = 0; created < 3; created++) await mutate(createMutation, { input: { type: 'HEALTH', serverName: 'relay.example.com' } });
const { createAssessment } = await mutate(createMutation, { input: { type: 'HEALTH', serverName: 'relay.example.com' } });
const { assessmentId: id } = createAssessment.assessment;

// A list, page by page: the pages come together in one connection of the store.
const operation = relay.createOperationDescriptor(pageQuery, {});
const retained = environment.retain(operation);
await relay.fetchQuery(environment, pageQuery, {}).toPromise();
const list = () => read(listFragment, environment.lookup(operation.fragment).data).assessments;
while (list().pageInfo.hasNextPage)
  await relay.fetchQuery(environment, paginationQuery, { count: 2, cursor: list().pageInfo.endCursor }).toPromise();
console.log(`assessments of this server: ${list().edges.length}`);
const row = () =>
  list()
    .edges.map(({ node }) => read(rowFragment, node))
    .find(({ assessmentId }) => assessmentId === id);

// What a worker does meanwhile, one step at a time.
const work = [() => mutate(startMutation, { id }), () => mutate(completeMutation, { id, result: { score: 98 } })];

// It begins with the state that there is, and the service ends it after the last one. Every update is in the list at once: a node is one record.
await new Promise((onCompleted, onError) => {
  const onNext = ({ assessmentUpdated: { kind } }) => {
    console.log(`${kind}: in the list it is ${row().state}, ${row().progress} %`);
    work.shift()?.().catch(onError);
  };
  relay.requestSubscription(environment, { subscription: updatesSubscription, variables: { id }, onNext, onCompleted, onError });
});
console.log('the service has ended the subscription');
retained.dispose();
await socket.dispose();
