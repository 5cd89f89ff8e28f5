import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import {
  clientSpan,
  clientTrace,
  type ReceivedSpan,
  startTraceReceiver,
  type TraceReceiver,
  traceparent,
} from '../support/trace-receiver.ts';

let receiver: TraceReceiver;
let service: TestApp;
beforeAll(async () => {
  receiver = await startTraceReceiver();
  service = await startTestApp({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: { authorization: 'Bearer collector' },
  });
});
afterAll(async () => {
  await service.stop();
  await receiver.stop();
});

const create = 'mutation Made($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename } }';

/** The names from a span up to the root. */
function way(spans: readonly ReceivedSpan[], name: string): string[] {
  const names: string[] = [];
  for (let span = spans.find((one) => one.name === name); span !== undefined; span = spans.find((one) => one.spanId === span?.parentSpanId))
    names.push(span.name);
  return names;
}

test('an operation, its resolver, its command, the batch and the statement are one trace, below the span of the client', async () => {
  const { headers } = await service.send(create, { input: { assessmentId: 'traced', type: 'HEALTH' } }, { traceparent });
  const spans = await receiver.traceOf('mutation createAssessment', ({ traceId }) => traceId === clientTrace);
  expect(way(spans, 'sql createAssessments')).toEqual([
    'sql createAssessments',
    'batch createAssessments',
    'store createAssessment',
    'resolve Mutation.createAssessment',
    'mutation createAssessment',
  ]);
  const [operation] = spans.filter(({ name }) => name === 'mutation createAssessment');
  expect(operation?.parentSpanId).toBe(clientSpan);
  expect(operation?.attributes).toEqual({
    ...{ 'graphql.operation.type': 'mutation', 'graphql.operation.name': 'Made', 'assessment_store.root_field': 'createAssessment' },
    ...{ 'assessment_store.request_id': headers.get('x-request-id'), 'assessment_store.outcome': 'OK' },
  });
  const [statement] = spans.filter(({ name }) => name === 'sql createAssessments');
  expect(statement?.attributes).toMatchObject({
    'db.system.name': 'postgresql',
    'db.query.text': expect.stringMatching(/^\/\* createAssessments \*\//),
  });
});

test('commands that share a statement are all linked to their batch', async () => {
  const aliases = Array.from({ length: 8 }, (_, index) => `c${index}: createAssessment(input: { type: SECURITY }) { __typename }`);
  await Promise.all(Array.from({ length: 6 }, () => service.send(`mutation { ${aliases.join(' ')} }`)));
  const commands = () => receiver.spans.filter(({ name, traceId }) => name === 'store createAssessment' && traceId !== clientTrace);
  await eventually('all commands were followed', () => commands().length === 48);
  const batches = await eventually('all batches were followed', () => {
    const found = receiver.spans.filter(({ name, traceId }) => name === 'batch createAssessments' && traceId !== clientTrace);
    return found.reduce((sum, { links }) => sum + links.length, 0) === 48 ? found : undefined;
  });
  expect(batches.flatMap(({ links }) => links).toSorted()).toEqual(
    commands()
      .map(({ spanId }) => spanId)
      .toSorted(),
  );
  expect(batches.length).toBeLessThan(48);
  for (const batch of batches) {
    expect(batch.links).toContain(batch.parentSpanId);
    expect(receiver.spans.filter(({ parentSpanId }) => parentSpanId === batch.spanId).map(({ name }) => name)).toContain(
      'sql createAssessments',
    );
  }
});

test('reads by loaders and by Prisma itself are below their operation', async () => {
  await service.send('query Read { assessment(assessmentId: "traced") { state auditTrail { nodes { versionTo } } } }');
  const spans = await receiver.traceOf('query assessment');
  expect(way(spans, 'sql readByKeys').at(-1)).toBe('query assessment');
  expect(way(spans, 'sql readAuditTrails').at(-1)).toBe('query assessment');
});

test('over a socket, the span of the client is in the extensions of the operation', async () => {
  const client = createClient({ url: service.url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  const otherTrace = clientTrace.replace('4', '5');
  const parent = traceparent.replace(clientTrace, otherTrace);
  await client
    .iterate({
      query: 'mutation { startProcessing(input: { assessmentId: "traced" }) { __typename } }',
      extensions: { traceparent: parent },
    })
    .next();
  const spans = await receiver.traceOf('mutation startProcessing', ({ traceId }) => traceId === otherTrace);
  expect(way(spans, 'sql transitionAssessments')).toHaveLength(5);
  await client
    .iterate({ query: 'subscription { assessmentUpdated(assessmentId: "traced") { kind } }', extensions: { traceparent: parent } })
    .next();
  const begun = await receiver.traceOf('subscription assessmentUpdated');
  expect(way(begun, 'sql readByKeys').at(-1)).toBe('subscription assessmentUpdated');
  await client.dispose();
});

test.each(['nonsense', `00-${'0'.repeat(32)}-${clientSpan}-01`, `${traceparent}-x`])(
  'a traceparent that is none begins a trace of its own: %s',
  async (header) => {
    await service.send('{ assessmentStats { total } }', {}, { traceparent: header });
    const [span] = await eventually('it is sent', () => {
      const found = receiver.spans.filter(({ name }) => name === 'query assessmentStats');
      return found.length > 0 ? found : undefined;
    });
    expect(span?.parentSpanId).toBeUndefined();
    receiver.spans.length = 0;
  },
);

test('claims are followed to the statement that they share', async () => {
  await service.send('mutation { claimAssessments(input: { workerId: "w", types: [SECURITY] }) { claims { claimToken } } }');
  const spans = await receiver.traceOf('mutation claimAssessments');
  expect(way(spans, 'sql claimAssessments')).toEqual([
    ...['sql claimAssessments', 'batch claimAssessments', 'store claimAssessments'],
    ...['resolve Mutation.claimAssessments', 'mutation claimAssessments'],
  ]);
});

test('a refusal is an answer, no error', async () => {
  await service.send('mutation { cancelAssessment(input: { assessmentId: "nowhere", reason: "x" }) { __typename } }');
  const spans = await receiver.traceOf('mutation cancelAssessment');
  expect(spans.filter(({ status }) => status === 2)).toEqual([]);
  expect(spans.find(({ name }) => name === 'store cancelAssessment')?.attributes).toEqual({ 'assessment_store.refusal': 'NOT_FOUND' });
});

test('who samples nothing sends nothing, and a client that is not sampled is left alone', async () => {
  const before = receiver.spans.length;
  await service.send('{ feedCursor }', {}, { traceparent: traceparent.replace(/01$/, '00') });
  await service.send('{ queueStatus { depth } }');
  await receiver.traceOf('query queueStatus');
  expect(receiver.spans.slice(before).filter(({ name }) => name.includes('feedCursor'))).toEqual([]);
});

test('loops in the background begin no traces, and no value that was sent is in any', async () => {
  const secret = 'a-value-that-is-nobodys-business';
  await service.send(
    create,
    { input: { assessmentId: secret, type: 'HEALTH', serverName: secret, metadata: { secret } } },
    { authorization: `Bearer ${secret}` },
  );
  await service.send(create, { input: { assessmentId: `${secret}\0`, type: 'HEALTH' } });
  await service.send(`{ assessments(where: { serverName: { eq: "${secret}" } }) { nodes { state } } }`);
  await receiver.traceOf('query assessments');
  expect(receiver.requests.filter(({ body }) => body.includes(secret))).toEqual([]);
  const roots = receiver.spans.filter(({ parentSpanId }) => parentSpanId === undefined).map(({ name }) => name);
  expect(roots.filter((name) => !/^(query|mutation|subscription) /.test(name))).toEqual([]);
  expect(receiver.spans.filter(({ name }) => /indexWaiting|expireClaims|readyRetries|changesSince/.test(name))).toEqual([]);
});

test('the collector is asked at its own path, with the headers that it wants', () => {
  expect(new Set(receiver.requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
  expect(new Set(receiver.requests.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer collector']));
});

test('a collector that is away holds up neither requests nor the stop', async () => {
  const other = await startTestApp({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }, service.database);
  expect((await other.send('{ feedCursor }')).errors).toBeUndefined();
  await other.stop();
  expect(other.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
});
