// The whole lifecycle with reads between, over HTTP: k6 run load/k6/mix.js
// API_URL (http://127.0.0.1:4000/graphql), VUS (32), DURATION (20s)
import exec from 'k6/execution';
import { requestOf, result, send } from './graphql.js';

export const options = {
  scenarios: { mix: { executor: 'constant-vus', vus: Number(__ENV.VUS || 32), duration: __ENV.DURATION || '20s' } },
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(99)', 'max'],
  thresholds: {
    failures: ['count==0'],
    http_req_failed: ['rate==0'],
    // No limits, for every machine is another: named here so that the summary shows each operation by itself.
    ...Object.fromEntries(
      ['create', 'start', 'progress', 'complete', 'read', 'list'].map((name) => [`http_req_duration{name:${name}}`, ['max>=0']]),
    ),
  },
};

export const setup = () => ({ run: `k6-${Date.now().toString(36)}` });

export default function lifecycle({ run }) {
  const id = `${run}-${exec.vu.idInTest}-${exec.vu.iterationInScenario}`;
  send('create', { input: requestOf(id) });
  send('read', { id });
  send('start', { id });
  for (const progress of [30, 60]) send('progress', { id, progress, message: `${progress} % of the rules checked` });
  send('complete', { id, result });
  send('read', { id });
  if (exec.vu.iterationInScenario % 10 === 0) send('list', {});
}
