import http from 'k6/http';
import { Counter } from 'k6/metrics';

/** Where the service is: API_URL, by default the one that `npm start` serves. */
export const apiUrl = __ENV.API_URL || 'http://127.0.0.1:4000/graphql';

/** Answers that were not what was asked for: no HTTP 200, errors, or a refusal. */
export const failures = new Counter('failures');

const headers = { 'content-type': 'application/json', accept: 'application/json' };
const fragment = '__typename ... on Error { code message }';

export const operations = {
  create: `mutation Create($input: CreateAssessmentInput!) { createAssessment(input: $input) { ${fragment} ... on CreateAssessmentPayload { assessment { version } } } }`,
  start: `mutation Start($id: String!) { startProcessing(input: { assessmentId: $id }) { ${fragment} } }`,
  progress: `mutation Progress($id: String!, $progress: Int!, $message: String) { updateProgress(input: { assessmentId: $id, progress: $progress, message: $message }) { ${fragment} } }`,
  complete: `mutation Complete($id: String!, $result: JSONObject!) { completeAssessment(input: { assessmentId: $id, result: $result }) { ${fragment} } }`,
  read: 'query Read($id: String!) { assessment(assessmentId: $id) { assessmentId state version progress requestData resultData } }',
  list: 'query List { assessments(first: 20) { nodes { assessmentId state updatedAt auditTrail(first: 5) { nodes { newState changedBy createdAt } } } } }',
  updates:
    'subscription Updates($id: String!) { assessmentUpdated(assessmentId: $id) { kind assessment { assessmentId state terminal completedAt } } }',
};

/** A request for an assessment: about 1 KiB of JSON. */
export const requestOf = (assessmentId) => ({
  assessmentId,
  type: 'COMPLIANCE',
  source: 'INSTALLER',
  serverName: 'web-1.example.com',
  options: { includeDetails: true },
  metadata: { ruleset: 'cis-level-2', notes: 'Scheduled by the change calendar; findings go to the team that owns the server. '.repeat(9) },
});

/** What a worker found: about 1 KiB of JSON. */
export const result = {
  score: 91,
  passed: 5,
  failed: 1,
  summary: 'One of six rules failed: the audit daemon is not enabled at boot. '.repeat(14),
};

export const bodyOf = (name, variables) => JSON.stringify({ query: operations[name], variables });
export const paramsOf = (name) => ({ headers, tags: { name } });

function judged(response) {
  const answer = response.status === 200 ? response.json() : {};
  const [data] = Object.values(answer.data || {});
  const failed = answer.errors !== undefined || !data || Boolean(data.code);
  failures.add(failed ? 1 : 0);
  if (failed) console.error(`${response.request.body.slice(0, 60)}: ${response.status} ${response.body}`);
  return data;
}

/** Sends one operation, and gives what its field was answered with. */
export const send = (name, variables) => judged(http.post(apiUrl, bodyOf(name, variables), paramsOf(name)));

/** Sends the same operation with many variables, 20 at a time. */
export function sendMany(name, manyVariables) {
  for (let from = 0; from < manyVariables.length; from += 20) {
    const requests = manyVariables
      .slice(from, from + 20)
      .map((variables) => ({ method: 'POST', url: apiUrl, body: bodyOf(name, variables), params: paramsOf(name) }));
    for (const response of http.batch(requests)) judged(response);
  }
}
