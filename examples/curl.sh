#!/bin/sh
# curl: the whole way of an assessment, with its updates as server-sent events.
#
#   npm start                in one terminal
#   sh examples/curl.sh      in another; API_URL names another address than http://127.0.0.1:4000/graphql
set -eu
url=${API_URL:-http://127.0.0.1:4000/graphql}
id="curl-$(date +%s)-$$" # a key of our own: sending the same creation again is harmless

# One operation: its document, which knows the assessment as $id, and how to read the answer. Usage: send 'query ($id: String!) { … }'
send() {
  answer=$(curl -sS --fail-with-body "$url" -H 'content-type: application/json' -d "{\"query\": \"$1\", \"variables\": {\"id\": \"$id\"}}") || status=$?
  printf '%s\n' "$answer" # at once, or an update that is shown meanwhile comes between the answer and the end of its line
  return "${status:-0}"
}

echo '# create'
send 'mutation ($id: String!) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { ... on CreateAssessmentPayload { created assessment { state version } } ... on Error { code message } } }'

# Its updates as server-sent events; -N shows every one as it comes. More headers may follow. Usage: watch
watch() {
  curl -sSN --fail-with-body "$url" -H 'content-type: application/json' -H 'accept: text/event-stream' "$@" \
    -d "{\"query\": \"subscription (\$id: String!) { assessmentUpdated(assessmentId: \$id) { kind assessment { state version progress resultData } } }\", \"variables\": {\"id\": \"$id\"}}"
}

echo '# watch: the service ends the stream after the last state'
watch &
watching=$!

echo '# work: what a worker does meanwhile'
send 'mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { ... on StartProcessingPayload { assessment { state } } ... on Error { code message } } }'
send 'mutation ($id: String!) { updateProgress(input: { assessmentId: $id, progress: 50, message: \"half way\" }) { ... on UpdateProgressPayload { assessment { progress } } ... on Error { code message } } }'
send 'mutation ($id: String!) { completeAssessment(input: { assessmentId: $id, result: { score: 98 } }) { ... on CompleteAssessmentPayload { assessment { state } } ... on Error { code message } } }'
wait "$watching"

echo '# go on after a lost connection: with the id of the last event that came'
watch -H 'last-event-id: 2'

echo '# wait: a query that is answered when the assessment has ended'
send 'query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 10000) { ... on WaitForAssessmentPayload { timedOut assessment { state resultData } } ... on Error { code message } } }'

echo '# a refusal is data'
send 'mutation ($id: String!) { cancelAssessment(input: { assessmentId: $id }) { ... on CancelAssessmentPayload { assessment { state } } ... on Error { code message } } }'

echo '# look back: the audit trail'
send 'query ($id: String!) { assessment(assessmentId: $id) { auditTrail { nodes { versionTo newState progress changedBy } } } }'
