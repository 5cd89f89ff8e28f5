// So many open subscriptions (graphql-transport-ws), each waiting for the end of its own assessment while others complete them:
// k6 run load/k6/subscriptions.js
// API_URL (http://127.0.0.1:4000/graphql), SUBSCRIPTIONS (1000), SOCKETS (50), OPEN_WITHIN (8 s), END_WITHIN (20 s from there)
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { WebSocket } from 'k6/websockets';
import { apiUrl, operations, requestOf, result, send, sendMany } from './graphql.js';

const subscriptions = Number(__ENV.SUBSCRIPTIONS || 1000);
const sockets = Number(__ENV.SOCKETS || 50);
const openWithin = Number(__ENV.OPEN_WITHIN || 8);
const endWithin = Number(__ENV.END_WITHIN || 20);

/** From `completedAt` by the database's clock to the event here: only meaningful where both are the same machine's. */
const toldAfter = new Trend('told_after', true);
const resolved = new Counter('resolved');
const unresolved = new Counter('unresolved');
/** Subscriptions that were not open, with their snapshot received, before the completions began: they would prove less. */
const lateOpened = new Counter('late_opened');

export const options = {
  scenarios: {
    wait: { executor: 'per-vu-iterations', exec: 'wait', vus: sockets, iterations: 1, maxDuration: `${openWithin + endWithin + 10}s` },
    complete: {
      executor: 'shared-iterations',
      exec: 'complete',
      vus: 16,
      iterations: subscriptions,
      startTime: `${openWithin}s`,
      maxDuration: `${endWithin}s`,
    },
  },
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(99)', 'max'],
  thresholds: {
    unresolved: ['count==0'],
    resolved: [`count==${subscriptions}`],
    late_opened: ['count==0'],
    failures: ['count==0'],
    told_after: ['max>=0'],
  },
};

export function setup() {
  const run = `k6-${Date.now().toString(36)}`;
  const ids = Array.from({ length: subscriptions }, (_, i) => `${run}-${i}`);
  sendMany(
    'create',
    ids.map((id) => ({ input: requestOf(id) })),
  );
  sendMany(
    'start',
    ids.map((id) => ({ id })),
  );
  return { run };
}

export function complete({ run }) {
  send('complete', { id: `${run}-${exec.scenario.iterationInTest}`, result });
}

/** One socket with its share of the subscriptions: ends when the last of them is complete. */
export function wait({ run }) {
  const first = (exec.vu.idInTest - 1) % sockets;
  const open = new Set();
  for (let i = first; i < subscriptions; i += sockets) open.add(`${run}-${i}`);
  const completionsBegin = exec.scenario.startTime + openWithin * 1000;
  const socket = new WebSocket(apiUrl.replace(/^http/, 'ws'), 'graphql-transport-ws');
  const say = (message) => socket.send(JSON.stringify(message));
  const giveUp = setTimeout(() => socket.close(), (openWithin + endWithin) * 1000);

  const told = {
    connection_ack: () => {
      for (const id of open) say({ id, type: 'subscribe', payload: { query: operations.updates, variables: { id } } });
    },
    ping: () => say({ type: 'pong' }),
    next: ({ payload }) => {
      const { kind, assessment } = payload.data.assessmentUpdated;
      if (kind === 'SNAPSHOT') lateOpened.add(assessment.terminal || Date.now() > completionsBegin ? 1 : 0);
      if (assessment.state === 'COMPLETED') toldAfter.add(Date.now() - Date.parse(assessment.completedAt));
    },
    error: ({ id, payload }) => console.error(`${id}: ${JSON.stringify(payload)}`),
    complete: ({ id }) => {
      open.delete(id);
      resolved.add(1);
      if (open.size === 0) socket.close();
    },
  };
  socket.onopen = () => say({ type: 'connection_init' });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    told[message.type]?.(message);
  };
  socket.onerror = ({ error }) => console.error(`a socket failed: ${error}`);
  socket.onclose = () => {
    clearTimeout(giveUp);
    unresolved.add(open.size);
  };
}
