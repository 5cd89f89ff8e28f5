import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { eventually } from '../support/eventually.ts';
import { metricsOf, scrape, sumOf } from '../support/metrics.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ MAX_OPERATIONS_PER_SOCKET: 2 });
});
afterAll(() => service.stop());

const create = `mutation Any($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename ... on Error { code } } }`;
const createOne = (assessmentId: string, type = 'HEALTH', rest: object = {}) =>
  service.send(create, { input: { assessmentId, type, ...rest } });
const run = (command: string, id: string, more = '') =>
  service.send(`mutation { ${command}(input: { assessmentId: "${id}"${more} }) { __typename } }`);

/** How much is added to a metric meanwhile. */
async function added<Result>(work: () => Promise<Result>) {
  const before = await metricsOf(service);
  await work();
  const after = await metricsOf(service);
  return (name: string, labels?: Record<string, string>) => after(name, labels) - before(name, labels);
}

test('changes are counted once by from, to and type, by the instance that has committed them', async () => {
  const other = await startTestApp({}, service.database);
  try {
    const count = await added(async () => {
      await createOne('counted');
      await run('startProcessing', 'counted');
      await run('updateProgress', 'counted', ', progress: 50');
      await run('updateProgress', 'counted', ', progress: 50'); // changes nothing
      await run('completeAssessment', 'counted', ', result: {}');
      await run('completeAssessment', 'counted', ', result: {}'); // refused
    });
    const name = 'assessment_store_transitions_total';
    const type = 'HEALTH';
    expect({
      created: count(name, { from: 'NONE', to: 'PENDING', type }),
      started: count(name, { from: 'PENDING', to: 'PROCESSING', type }),
      progress: count(name, { from: 'PROCESSING', to: 'PROCESSING', type }),
      completed: count(name, { from: 'PROCESSING', to: 'COMPLETED', type }),
      all: count(name),
    }).toEqual({ created: 1, started: 1, progress: 1, completed: 1, all: 4 });
    expect(count('assessment_store_processing_seconds_count', { type })).toBe(1);
    expect(count('assessment_store_queue_seconds_count', { type })).toBe(1);
    expect(count('assessment_store_commands_total', { command: 'COMPLETE', outcome: 'OK' })).toBe(1);
    expect(count('assessment_store_commands_total', { command: 'COMPLETE', outcome: 'INVALID_TRANSITION' })).toBe(1);
    expect(count('assessment_store_command_batch_size_count', { command: 'createAssessments' })).toBe(1);
    expect(count('assessment_store_command_batch_size_sum', { command: 'transitionAssessments' })).toBe(5);
    expect(sumOf(await scrape(other.url), name)).toBe(0);
  } finally {
    await other.stop();
  }
});

test('all changes that the lifecycle allows are there before the first of them', async () => {
  const fresh = await startTestApp();
  try {
    const samples = (await scrape(fresh.url)).filter(({ name }) => name === 'assessment_store_transitions_total');
    expect(samples).toHaveLength(3 * 9);
    expect(samples.every(({ value }) => value === 0)).toBe(true);
  } finally {
    await fresh.stop();
  }
});

test('the queue is shown by type, for all tenants together', async () => {
  const fresh = await startTestApp();
  try {
    const { store } = fresh.app;
    for (const tenantId of ['first', 'second', 'third']) {
      const actor = { tenantId, subject: 'tester' };
      await store.createAssessment({ assessmentId: 'ready', type: 'SECURITY' }, actor);
      await store.createAssessment({ assessmentId: 'started', type: 'SECURITY', maxRetries: 3 }, actor);
      await store.startProcessing({ assessmentId: 'started' }, actor);
    }
    await store.failAssessment({ assessmentId: 'started', error: 'again' }, { tenantId: 'third', subject: 'tester' });
    const samples = await scrape(fresh.url);
    const shown = (name: string, type: string) => sumOf(samples, `assessment_store_queue_${name}`, { type });
    const of = (type: string) => ({
      ...{ depth: shown('depth', type), ready: shown('ready', type) },
      ...{ scheduled: shown('scheduled', type), processing: shown('processing', type) },
    });
    expect(of('HEALTH')).toEqual({ depth: 0, ready: 0, scheduled: 0, processing: 0 });
    // A wait before a retry may be over at once.
    const { ready, scheduled, ...rest } = of('SECURITY');
    expect({ ...rest, pending: ready + scheduled }).toEqual({ depth: 4, processing: 2, pending: 4 });
    expect(shown('oldest_ready_seconds', 'SECURITY')).toBeGreaterThan(0);
    expect(sumOf(samples, 'assessment_store_database_up')).toBe(1);
  } finally {
    await fresh.stop();
  }
});

test('scrapes at the same time, and soon after another, cost one statement', async () => {
  const fresh = await startTestApp();
  try {
    fresh.statements.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => scrape(fresh.url)));
    await scrape(fresh.url);
    expect(fresh.statements.map((sql) => sql.slice(0, 21))).toEqual(['/* readQueueTotals */']);
  } finally {
    await fresh.stop();
  }
});

test('operations are counted by root field and outcome, whatever their clients call them', async () => {
  const name = 'assessment_store_operations_total';
  const count = await added(async () => {
    for (const operation of ['One', 'Two', 'Three']) await service.send(create.replace('Any', operation), { input: { type: 'HEALTH' } });
    await service.send('{ assessmentStats(windowMinutes: 0) { total } }');
    await service.send('query Made { health { status } feedCursor }');
    await service.send('{ ...Parts } fragment Parts on Query { feedCursor }');
    for (let times = 0; times < 3; times++) {
      await service.send('{ nothing }');
      await service.send('{');
      await service.send('query A { feedCursor } query B { feedCursor }');
      await fetch(service.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }); // no operation
    }
  });
  const counted = (kind: string, operation: string, outcome: string) => count(name, { kind, operation, outcome });
  expect(counted('mutation', 'createAssessment', 'OK')).toBe(3);
  expect(counted('query', 'assessmentStats', 'BAD_USER_INPUT')).toBe(1);
  expect(counted('query', 'several', 'OK')).toBe(1);
  expect(counted('query', 'feedCursor', 'OK')).toBe(1);
  expect(counted('unknown', 'none', 'GRAPHQL_VALIDATION_FAILED')).toBe(3);
  expect(counted('unknown', 'none', 'GRAPHQL_PARSE_FAILED')).toBe(3);
  expect(counted('unknown', 'none', 'OPERATION_RESOLUTION_FAILURE')).toBe(3);
  expect(count(name)).toBe(6 + 9);
  expect(count('assessment_store_operation_seconds_count', { operation: 'createAssessment' })).toBe(3);
});

test('a client that goes away is no fault of the service', async () => {
  await createOne('waited-for');
  const name = 'assessment_store_operations_total';
  const before = await metricsOf(service);
  const leave = new AbortController();
  const body = JSON.stringify({ query: '{ waitForAssessment(assessmentId: "waited-for", timeoutMs: 60000) { __typename } }' });
  const waiting = fetch(service.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: leave.signal });
  await eventually('it waits', () => service.app.store.watching === 1);
  leave.abort();
  await expect(waiting).rejects.toThrow();
  const labels = { kind: 'query', operation: 'waitForAssessment' };
  await eventually('it has ended', async () => (await metricsOf(service))(name, labels) > before(name, labels));
  const after = await metricsOf(service);
  expect(after(name, { ...labels, outcome: 'ABORTED' }) - before(name, { ...labels, outcome: 'ABORTED' })).toBe(1);
  expect(after(name, { outcome: 'INTERNAL' })).toBe(before(name, { outcome: 'INTERNAL' }));
});

test('operations over a socket are counted alike', async () => {
  const client = createClient({ url: service.url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  const send = (query: string) =>
    client
      .iterate({ query })
      .next()
      .catch(() => {});
  const count = await added(async () => {
    for (const query of ['{ feedCursor }', '{ feedCursor }', '{ nothing }', '{ nothing }', '{', '{']) await send(query);
  });
  const name = 'assessment_store_operations_total';
  expect(count(name, { kind: 'query', operation: 'feedCursor', outcome: 'OK' })).toBe(2);
  expect(count(name, { operation: 'none', outcome: 'GRAPHQL_VALIDATION_FAILED' })).toBe(2);
  expect(count(name, { operation: 'none', outcome: 'GRAPHQL_PARSE_FAILED' })).toBe(2);
  expect(count(name)).toBe(6);
  await client.dispose();
});

test('sockets, subscriptions and what is refused', async () => {
  await createOne('watched', 'COMPLIANCE');
  const client = createClient({ url: service.url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  const subscription = { query: 'subscription { assessmentUpdated(assessmentId: "watched") { kind } }' };
  const updates = [client.iterate(subscription), client.iterate(subscription)];
  const before = await metricsOf(service);
  for (const each of updates) expect((await each.next()).value).toMatchObject({ data: { assessmentUpdated: { kind: 'SNAPSHOT' } } });
  const refused = await client
    .iterate({ query: '{ health { status } }' })
    .next()
    .catch((error: unknown) => error);
  expect(refused).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
  const open = await metricsOf(service);
  expect(open('assessment_store_sockets')).toBe(1);
  expect(open('assessment_store_subscriptions')).toBe(2);
  expect(open('assessment_store_operations_open')).toBe(2);
  expect(open('assessment_store_hub_subscribers', { reader: 'watch' })).toBe(2);
  const operations = { kind: 'subscription', operation: 'assessmentUpdated', outcome: 'OK' };
  expect(open('assessment_store_operations_total', operations) - before('assessment_store_operations_total', operations)).toBe(2);
  expect(open('assessment_store_limits_refused_total', { what: 'operation', limit: 'socket' })).toBe(1);

  await run('startProcessing', 'watched');
  for (const each of updates) expect((await each.next()).value).toMatchObject({ data: { assessmentUpdated: { kind: 'STARTED' } } });
  const told = await metricsOf(service);
  const lag = 'assessment_store_hub_lag_seconds_count';
  expect(told(lag, { way: 'own' }) - open(lag, { way: 'own' })).toBe(1);
  await client.dispose();
  await eventually('the socket is gone', async () => (await metricsOf(service))('assessment_store_sockets') === 0);
  const after = await metricsOf(service);
  expect(after('assessment_store_subscriptions')).toBe(0);
  expect(after('assessment_store_operations_open')).toBe(0);
});

test('updates that nobody has read are counted when a newer one replaces them', async () => {
  await createOne('busy');
  const { store } = service.app;
  const actor = { tenantId: 'default', subject: 'tester' };
  const watch = await store.watchAssessment({ assessmentId: 'busy' }, actor);
  const count = await added(async () => {
    await run('startProcessing', 'busy');
    for (const progress of [1, 2, 3]) await run('updateProgress', 'busy', `, progress: ${progress}`);
  });
  expect(count('assessment_store_hub_conflated_total')).toBe(3);
  await watch.return();
});

test('an update that nobody has told of is counted as replayed', async () => {
  const fresh = await startTestApp({ RECONCILE_MS: 100 });
  try {
    const actor = { tenantId: 'default', subject: 'tester' };
    await fresh.app.store.createAssessment({ assessmentId: 'silent', type: 'HEALTH' }, actor);
    const watch = await fresh.app.store.watchAssessment({ assessmentId: 'silent' }, actor);
    await watch.next();
    const psql = await fresh.database.connect();
    await psql.query("update assessment_states set state = 'processing' where assessment_id = 'silent'");
    expect(await watch.next()).toMatchObject({ value: { kind: 'STARTED' } });
    const shown = await metricsOf(fresh);
    expect(shown('assessment_store_replayed_total', { reader: 'watch' })).toBe(1);
    expect(shown('assessment_store_hub_lag_seconds_count', { way: 'reconcile' })).toBe(1);
    expect(shown('assessment_store_transitions_total')).toBe(1); // this instance has not made the change
    await watch.return();
  } finally {
    await fresh.stop();
  }
});

test('feeds that fall behind, and what they then read from the database', async () => {
  const fresh = await startTestApp({ FEED_BUFFER: 2 });
  try {
    const actor = { tenantId: 'default', subject: 'tester' };
    const { store } = fresh.app;
    const [slow, fast] = [await store.feedAssessments({}, actor), await store.feedAssessments({}, actor)];
    for (let index = 0; index < 10; index++) {
      const { assessment } = await store.createAssessment({ type: 'HEALTH' }, actor);
      expect(await fast.next()).toMatchObject({ value: { assessment: { id: assessment.id } } });
      if (index === 0) await slow.next();
    }
    for (let index = 1; index < 10; index++) await slow.next();
    const shown = await metricsOf(fresh);
    expect(shown('assessment_store_feed_fallbacks_total')).toBe(1);
    expect(shown('assessment_store_replayed_total', { reader: 'feed' })).toBeGreaterThan(0);
    expect(shown('assessment_store_feed_changes_total')).toBe(10);
    expect(shown('assessment_store_hub_subscribers', { reader: 'feed' })).toBe(2);
    await Promise.all([slow.return(), fast.return()]);
  } finally {
    await fresh.stop();
  }
});

test('cache, statements and pool', async () => {
  await createOne('cached');
  await run('cancelAssessment', 'cached', ', reason: "no"');
  const count = await added(() => service.send('{ assessment(assessmentId: "cached") { state } }'));
  expect(count('assessment_store_cache_requests_total', { level: 'memory', result: 'hit' })).toBe(1);
  const missed = await added(() => service.send('{ assessment(assessmentId: "counted-not") { state } }'));
  expect(missed('assessment_store_cache_requests_total', { level: 'memory', result: 'miss' })).toBe(1);
  expect(missed('assessment_store_statement_seconds_count', { statement: 'readByKeys' })).toBe(1);
  const shown = await metricsOf(service);
  expect(shown('assessment_store_cache_entries')).toBeGreaterThan(0);
  expect(shown('assessment_store_database_connections_max')).toBe(10);
  expect(shown('assessment_store_database_connections')).toBeGreaterThan(0);
  expect(shown('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
  expect(shown('assessment_store_build_info', { version: '0.1.0', node: process.version })).toBe(1);
});

test('attempts whose time is over', async () => {
  await createOne('late', 'HEALTH', { timeoutMs: 1_000 });
  const before = await metricsOf(service);
  await run('startProcessing', 'late');
  await eventually('the attempt is ended', async () => {
    const shown = await metricsOf(service);
    return shown('assessment_store_attempts_expired_total') - before('assessment_store_attempts_expired_total') === 1;
  });
});

test('no label is made of what clients send, and none names a tenant', async () => {
  const samples = await scrape(service.url);
  const names = new Set(samples.flatMap(({ labels }) => Object.keys(labels)));
  const own = ['from', 'to', 'type', 'command', 'outcome', 'way', 'reader', 'statement', 'level', 'result', 'state', 'part'];
  const known = [
    ...own,
    'kind',
    'operation',
    'what',
    'limit',
    'code',
    'le',
    'version',
    'node',
    'space',
    'quantile',
    'major',
    'minor',
    'patch',
  ];
  expect([...names].filter((name) => !known.includes(name))).toEqual([]);
  const fields = new Set(samples.map(({ labels }) => labels['operation']).filter((field) => field !== undefined));
  expect([...fields].filter((field) => /One|Two|Three|Any|Made|nothing/.test(field))).toEqual([]);
});
