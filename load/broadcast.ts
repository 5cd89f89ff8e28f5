// What shared-feed.ts compares the service with, in a process of its own: a bare `ws` broadcast, or graphql-ws as its documentation has it.
//   tsx load/broadcast.ts bare|stock
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub } from 'graphql-yoga';
import { type WebSocket, WebSocketServer } from 'ws';
import { anonymous } from '../src/auth/identity.ts';
import { schema } from '../src/schema/index.ts';
import type { Assessment, AssessmentUpdate } from '../src/store/index.ts';

/** Sends texts, or as many events, to everybody in one turn of the event loop. */
type Broadcast = (texts: readonly string[]) => void;

const http = createServer();
const server = new WebSocketServer({ server: http, path: '/graphql', handleProtocols: () => 'graphql-transport-ws' });

/** No protocol: a socket gets what everybody gets as soon as it has said something twice, as the others say init and subscribe. */
function bare(): Broadcast {
  const sockets = new Set<WebSocket>();
  server.on('connection', (socket) => {
    socket.once('message', () => {
      socket.send('{"type":"connection_ack"}');
      socket.once('message', () => sockets.add(socket));
    });
  });
  return (texts) => {
    for (const text of texts) for (const socket of sockets) socket.send(text);
  };
}

/** The service's own schema, whose feed is a pub/sub in memory. */
function stock(): Broadcast {
  const updates = createPubSub<{ update: [AssessmentUpdate] }>();
  const store = { feedAssessments: () => updates.subscribe('update') };
  useServer({ schema, context: () => ({ store, actor: anonymous.caller }) }, server);
  let version = 1;
  return (texts) => {
    for (const _ of texts) updates.publish('update', progressOf(++version));
  };
}

function progressOf(version: number): AssessmentUpdate {
  const now = new Date();
  const assessment: Assessment = {
    ...{
      tenantId: 'default',
      id: '019b0000-0000-7000-8000-000000000000',
      assessmentId: 'shared-feed-00',
      type: 'COMPLIANCE',
      source: 'INSTALLER',
    },
    ...{ serverName: 'web-1.example.com', state: 'PROCESSING', version, progress: version % 100, message: `step ${version} of many` },
    ...{
      errorMessage: null,
      priority: 5,
      retryCount: 0,
      maxRetries: 0,
      nextRetryAt: null,
      timeoutMs: null,
      claimedBy: null,
      claimedAt: null,
    },
    ...{ claimExpiresAt: null, createdAt: now, updatedAt: now, startedAt: now, completedAt: null },
  };
  return { kind: 'PROGRESS', previousState: 'PROCESSING', assessment };
}

const ways = { bare, stock };
const way = process.argv[2];
if (way !== 'bare' && way !== 'stock') throw new Error(`the way is bare or stock, not "${way}"`);
const broadcast = ways[way]();
process.on('message', (message: { texts: readonly string[] } | 'cpu') => {
  if (message === 'cpu') process.send?.(process.cpuUsage());
  else broadcast(message.texts);
});
process.once('disconnect', () => process.exit());
http.listen(0, '127.0.0.1');
await once(http, 'listening');
process.send?.(`http://127.0.0.1:${(http.address() as AddressInfo).port}/graphql`);
