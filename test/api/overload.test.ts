import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

const places = 4;
/** Those that may be created at a time, leaving a place to reports; and those that may wait for that. */
const creating = 3;
const waiting = places * 10;

let service: TestApp;
let psql: pg.Client;
beforeAll(async () => {
  service = await startTestApp({ ADMISSION_PLACES: places, LOCK_PATIENCE_MS: 60_000 });
  psql = await service.database.connect();
  await service.app.store.createAssessment({ assessmentId: 'there', type: 'HEALTH' }, actor);
});
afterEach(async () => {
  await psql.query('rollback');
});
afterAll(() => service.stop());

let names = 0;
/** Keys that somebody is just about to take: who wants to create one of them waits until it is known whether that happens. */
async function takenKeys(count: number): Promise<string[]> {
  const prefix = `taken-${++names}`;
  await psql.query('begin');
  await psql.query(
    `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash)
     select gen_random_uuid(), $1 || '-' || number, 'health', 'api', '{}', '' from generate_series(0, $2::int - 1) as number`,
    [prefix, count],
  );
  return Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
}

const creation = 'mutation ($id: String!) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { __typename } }';
const create = (id: string) => service.send<{ createAssessment: { __typename: string } }>(creation, { id });
const list = '{ assessments(first: 1) { nodes { state } } }';
const started = 'mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }';

/** Begins more creations than there are places, and than may wait; gives those that are not refused. */
async function overload(more: number): Promise<{ held: Promise<Answer>[]; refused: Answer[] }> {
  const refused: Answer[] = [];
  const settled: Answer[] = [];
  const held = (await takenKeys(creating + waiting + more)).map((id) => create(id));
  for (const answer of held) void answer.then((one) => (one.status === 503 ? refused : settled).push(one));
  await eventually('what is too much is refused', () => refused.length === more);
  expect(settled).toEqual([]);
  return { held, refused };
}

async function expectDone(held: readonly Promise<Answer>[], count: number): Promise<void> {
  await psql.query('rollback');
  const answers = await Promise.all(held);
  const done = answers.filter(({ data }) => data?.['createAssessment'] !== undefined);
  expect(done).toHaveLength(count);
  for (const { data } of done) expect(data['createAssessment']).toEqual({ __typename: 'CreateAssessmentPayload' });
}

test('what is too much is refused with OVERLOADED and when to try again; what was let in is done', async () => {
  const { held, refused } = await overload(7);
  for (const { headers, errors, data } of refused) {
    expect(data).toBeUndefined();
    expect(errors).toEqual([
      {
        message: 'The service has more to do than it can do in time. Nothing was done; try again later.',
        extensions: { code: 'OVERLOADED', limit: 'process', retryAfterMs: expect.any(Number) },
      },
    ]);
    const retryAfterMs = Number(errors?.[0]?.extensions['retryAfterMs']);
    expect(retryAfterMs).toBeGreaterThanOrEqual(1_000);
    expect(Number(headers.get('retry-after'))).toBe(Math.ceil(retryAfterMs / 1_000));
  }
  await expectDone(held, creating + waiting);
});

test('reports, claims and reads go on while creations wait in line', async () => {
  await service.app.store.createAssessment({ assessmentId: 'worked-on', type: 'SECURITY' }, actor);
  const { held } = await overload(0);
  const answers = await Promise.all([
    service.send(started, { id: 'worked-on' }),
    service.send('mutation { completeAssessment(input: { assessmentId: "there", result: {} }) { __typename } }'),
    service.send('mutation { claimAssessments(input: { workerId: "w", types: [COMPLIANCE] }) { claims { claimToken } } }'),
    service.send('{ assessment(assessmentId: "there") { state } }'),
    service.send(list),
  ]);
  expect(answers.map(({ status, errors }) => ({ status, errors }))).toEqual(answers.map(() => ({ status: 200, errors: undefined })));
  await expectDone(held, creating + waiting);
});

test('over a socket the operation is refused alone', async () => {
  const raw = await openRawSocket(service.url);
  const { held } = await overload(0);
  const [id = ''] = (await psql.query("select 'one-more' as id")).rows.map((row) => row.id);
  raw.subscribe('too-much', creation, { variables: { id } });
  expect((await raw.received('too-much', 'error')).payload).toEqual([
    expect.objectContaining({ extensions: { code: 'OVERLOADED', limit: 'process', retryAfterMs: expect.any(Number) } }),
  ]);
  raw.subscribe('read', '{ assessment(assessmentId: "there") { state } }');
  await raw.received('read', 'next');
  expect(raw.typesOf('too-much')).toEqual(['error']);
  expect(raw.socket.readyState).toBe(raw.socket.OPEN);
  raw.socket.close();
  await expectDone(held, creating + waiting);
});

test('who waits for something keeps no place: subscriptions, waits and long polls, many more than there are places', async () => {
  const { store } = service.app;
  await store.createAssessment({ assessmentId: 'awaited', type: 'HEALTH' }, actor);
  const raw = await openRawSocket(service.url);
  const ids = Array.from({ length: 5 * places }, (_, number) => String(number));
  for (const id of ids) raw.subscribe(id, 'subscription { assessmentUpdated(assessmentId: "awaited") { kind } }');
  for (const id of ids) raw.subscribe(`feed-${id}`, 'subscription { assessmentFeed { kind } }');
  const document =
    '{ waitForAssessment(assessmentId: "awaited", timeoutMs: 60000) { ... on WaitForAssessmentPayload { assessment { state } } } }';
  const waits = ids.map(() => service.send(document));
  const poll = 'mutation { claimAssessments(input: { workerId: "w", types: [COMPLIANCE], waitMs: 30000 }) { claims { claimToken } } }';
  const polls = ids.map(() => service.send(poll));
  await eventually(
    'all wait',
    () => store.watching === 2 * ids.length && store.feeding === ids.length && store.workersWaiting === ids.length,
  );
  expect((await create('beside')).errors).toBeUndefined();
  expect((await service.send(list)).errors).toBeUndefined();
  await store.cancelAssessment({ assessmentId: 'awaited' }, actor);
  for (const { data } of await Promise.all(waits)) expect(data).toEqual({ waitForAssessment: { assessment: { state: 'CANCELLED' } } });
  for (const id of ids) await raw.received(id, 'complete');
  await Promise.all(ids.map(() => store.createAssessment({ type: 'COMPLIANCE' }, actor)));
  for (const { data } of await Promise.all(polls))
    expect(data['claimAssessments']).toEqual({ claims: [{ claimToken: expect.any(String) }] });
  raw.socket.close();
});

test('clients that go away, break off, or send what is wrong leave no place taken', async () => {
  const raw = await openRawSocket(service.url);
  const keys = await takenKeys(10);
  for (const id of keys) raw.subscribe(id, creation, { variables: { id } });
  const gone = keys.map((id) =>
    fetch(service.url, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: creation, variables: { id } }) },
      signal: AbortSignal.timeout(100),
    }).catch(() => {}),
  );
  await Promise.all(gone);
  for (const id of keys.slice(0, 5)) raw.complete(id);
  raw.socket.terminate();
  await psql.query('rollback');
  for (let round = 0; round < 3 * places; round++) {
    await service.send('{ nonsense }');
    await service.send('{ assessment');
    await service.send('{ assessment(assessmentId: 5) { state } }');
    await service
      .send('subscription { assessmentUpdated(assessmentId: "nobody") { kind } }', {}, { accept: 'text/event-stream' })
      .catch(() => {});
  }
  const { held } = await overload(0);
  await expectDone(held, creating + waiting);
});
