// Five times the rate that the service can serve: npx tsx load/overload.ts, which measures that rate first and then runs this.
// API_URL (http://127.0.0.1:4000/graphql), RATE (creations a second that the service can serve; none: measures them), TIMES (5), SECONDS (20), MOST (500),
// ITEMS (50)
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import { apiUrl, bodyOf, paramsOf, result } from './graphql.js';

const rate = Number(__ENV.RATE || 0);
const seconds = Number(__ENV.SECONDS || 20);
/** Most requests that wait for an answer at a time. */
const most = Number(__ENV.MOST || 500);
/** So many small creations are sent together: then the service is the limit, not k6, which may share the machine with it. */
const items = Number(__ENV.ITEMS || 50);
/** So long after its end all has to be as before, in seconds. */
const restSeconds = 3;

const admitted = new Trend('admitted', true);
const refused = new Trend('refused', true);
const failed = new Counter('failed');
const phases = ['capacity', 'flood', 'work', 'lists', 'after'];

const arriving = (fn, perSecond, vus) => ({
  ...{ executor: 'constant-arrival-rate', exec: fn, rate: perSecond, timeUnit: '1s', duration: `${seconds}s`, gracefulStop: '10s' },
  ...{ preAllocatedVUs: vus, maxVUs: vus },
});
const closed = (fn, duration) => ({ executor: 'constant-vus', exec: fn, vus: 16, duration });

export const options = {
  scenarios:
    rate === 0
      ? { capacity: { ...closed('create', '8s'), vus: 32 } }
      : {
          flood: arriving('create', Math.round(rate * Number(__ENV.TIMES || 5)), most),
          work: arriving('work', 10, 50),
          lists: arriving('list', 10, 50),
          after: { ...closed('create', '5s'), startTime: `${seconds + restSeconds}s` },
        },
  summaryTrendStats: ['count', 'med', 'p(99)', 'max'],
  // k6 tells apart only what a threshold names.
  thresholds: Object.fromEntries(
    phases.flatMap((phase) =>
      ['admitted', 'refused', 'failed'].map((name) => [`${name}{scenario:${phase}}`, [name === 'failed' ? 'count>=0' : 'max>=0']]),
    ),
  ),
};

const batch = JSON.stringify({
  query:
    'mutation Submit($items: [CreateAssessmentInput!]!) { batchCreateAssessments(input: { assessments: $items }) { results { __typename } } }',
  // Without keys of their own: the service makes them.
  variables: { items: Array.from({ length: items }, () => ({ type: 'HEALTH', serverName: 'web-1.example.com' })) },
});

/** Sends an operation and notes what became of it. */
function send(name, body) {
  const response = http.post(apiUrl, body, paramsOf(name));
  const { errors, data } = response.status === 200 || response.status === 503 ? response.json() : {};
  if (errors?.[0]?.extensions?.code === 'OVERLOADED' && errors[0].extensions.retryAfterMs > 0) refused.add(response.timings.duration);
  else if (errors === undefined && data) admitted.add(response.timings.duration);
  else {
    failed.add(1);
    console.error(`${name}: ${response.status} ${response.error} ${String(response.body).slice(0, 200)}`);
  }
}

export const create = () => send('create', batch);

export const list = () => send('list', bodyOf('list', {}));

/** What a worker sends, and what is urgent: of assessments that there are not, so that none has to be submitted first. */
export function work() {
  send('start', bodyOf('start', { id: 'none' }));
  send('progress', bodyOf('progress', { id: 'none', progress: 50, message: 'half' }));
  send('complete', bodyOf('complete', { id: 'none', result }));
}

/** The figures of each phase, as JSON for load/overload.ts, or for people. */
export function handleSummary({ metrics }) {
  const figures = {};
  for (const phase of phases) {
    const valuesOf = (name) => metrics[`${name}{scenario:${phase}}`]?.values ?? {};
    const trend = ({ count = 0, med, max, 'p(99)': p99 }) => ({ count, med, p99, max });
    figures[phase] = { admitted: trend(valuesOf('admitted')), refused: trend(valuesOf('refused')), failed: valuesOf('failed').count || 0 };
  }
  const summary = { phases: figures, dropped: metrics.dropped_iterations?.values.count || 0 };
  return { [__ENV.SUMMARY || 'stdout']: `${JSON.stringify(summary, undefined, 1)}\n` };
}
