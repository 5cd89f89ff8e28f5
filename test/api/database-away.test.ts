import { afterAll, beforeAll, expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let proxy: TcpProxy;
let service: TestApp;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await TcpProxy.before(database.url);
  service = await startTestApp(
    { DATABASE_URL: proxy.through(database.url), RECONCILE_MS: 200, CACHE_ENTRIES: 0, STATEMENT_TIMEOUT_MS: 1_000 },
    database,
  );
  await service.send('mutation { createAssessment(input: { assessmentId: "there", type: HEALTH }) { __typename } }');
});
afterAll(async () => {
  await proxy.restore();
  await service.stop();
  await proxy.stop();
  await database.drop();
});

const health = async (part: 'live' | 'ready') => {
  const response = await fetch(service.url.replace(/graphql$/, `health/${part}`));
  return { status: response.status, body: (await response.json()) as { status: string; checks?: { name: string; status: string }[] } };
};
const isReady = async (): Promise<boolean> => (await health('ready')).status === 200;
const create = (assessmentId: string) =>
  service.send<{ createAssessment: { created: boolean } } | null>(
    'mutation ($id: String!) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { ... on CreateAssessmentPayload { created } } }',
    { id: assessmentId },
  );

async function expectOverloaded(operation: string): Promise<void> {
  const { status, headers, errors } = await service.send(operation);
  expect({ operation, status, errors }).toEqual({
    ...{ operation, status: 200 },
    errors: [
      expect.objectContaining({
        message: 'The database cannot be reached right now.',
        extensions: { code: 'OVERLOADED', retryAfterMs: expect.any(Number), requestId: headers.get('x-request-id') },
      }),
    ],
  });
}

const operations = [
  '{ assessment(assessmentId: "there") { state } }',
  '{ assessments { nodes { id } } }',
  '{ assessmentStats { total } }',
  '{ waitForAssessment(assessmentId: "there", timeoutMs: 0) { __typename } }',
  'mutation { createAssessment(input: { assessmentId: "lost", type: HEALTH }) { __typename } }',
  'mutation { startProcessing(input: { assessmentId: "there" }) { __typename } }',
];

test('without its database the service lives, is not ready, answers OVERLOADED with when to try again, and heals by itself', async () => {
  expect(await isReady()).toBe(true);
  await proxy.cut();
  for (const operation of operations) await expectOverloaded(operation);

  expect(await health('live')).toEqual({ status: 200, body: { status: 'live' } });
  const { status, body } = await health('ready');
  expect({ status, state: body.status }).toEqual({ status: 503, state: 'UNHEALTHY' });
  expect(body.checks).toContainEqual(expect.objectContaining({ name: 'database', status: 'UNHEALTHY' }));
  const { data, errors } = await service.send('{ health { status checks { name status message } } }');
  expect({ data, errors }).toMatchObject({ data: { health: { status: 'UNHEALTHY' } }, errors: undefined });
  expect(JSON.stringify({ body, data })).not.toMatch(/postgres:\/\/|password|node_modules/);

  await proxy.restore();
  await eventually('ready again', isReady);
  expect((await create('after')).data).toEqual({ createAssessment: { created: true } });
  expect((await create('lost')).data).toEqual({ createAssessment: { created: true } });
});

const seen = (statement: string) => eventually(statement, () => service.statements.some((sql) => sql.includes(statement)));

/** Waits for the end of an assessment; comes back when the wait has begun for certain: it has read, and a reconcile tick came after. */
async function beginToWait(): Promise<{ answer: Promise<Answer> }> {
  service.statements.length = 0;
  const answer = service.send(
    '{ waitForAssessment(assessmentId: "there", timeoutMs: 30000) { ... on WaitForAssessmentPayload { timedOut assessment { state } } } }',
  );
  await seen('readByKeys');
  service.statements.length = 0;
  await seen('changesSince');
  return { answer };
}

test('who waited when the database went away learns the end that came after its return', async () => {
  const waiting = [await beginToWait(), await beginToWait(), await beginToWait()];
  await proxy.cut();
  await expectOverloaded('{ assessments { nodes { id } } }');
  const psql = await database.connect();
  await psql.query("update assessment_states set state = 'cancelled' where assessment_id = 'there'");
  await proxy.restore();
  for (const { data, errors } of await Promise.all(waiting.map(({ answer }) => answer))) {
    expect({ data, errors }).toEqual({
      data: { waitForAssessment: { timedOut: false, assessment: { state: 'CANCELLED' } } },
      errors: undefined,
    });
  }
});

test('creations under way while the connections break are acknowledged and kept, or refused as OVERLOADED', async () => {
  const acknowledged: string[] = [];
  const codes = new Set<unknown>();
  let breaks = 0;
  const keys = Array.from({ length: 400 }, (_, index) => `burst-${index}`);
  const next = keys.values();
  const submit = async (): Promise<void> => {
    for (const key of next) {
      const { data, errors } = await create(key);
      if (data?.createAssessment.created) acknowledged.push(key);
      for (const { extensions } of errors ?? []) codes.add(extensions['code']);
      if (acknowledged.length > 100 * (breaks + 1) && breaks < 2) {
        breaks++;
        await proxy.cut();
        await proxy.restore();
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, submit));
  expect(breaks).toBe(2);
  expect([...codes].filter((code) => code !== 'OVERLOADED')).toEqual([]);
  const psql = await database.connect();
  const { rows } = await psql.query('select assessment_id as id from assessment_states where assessment_id = any($1)', [acknowledged]);
  expect(rows).toHaveLength(acknowledged.length);
  expect(await findAuditFlaws(psql)).toEqual([]);
});

test('a database that is silent, not gone, makes the service not ready within seconds, and leaves nobody waiting', async () => {
  // The connections of the pool are open and idle when it happens.
  const list = '{ assessments { nodes { id } } }';
  await Promise.all(Array.from({ length: 20 }, () => service.send(list)));
  proxy.fallSilent();
  const begun = performance.now();
  const asked = [...Array.from({ length: 4 }, () => service.send(list)), create('into-the-silence')];
  expect((await health('ready')).status).toBe(503);
  expect(performance.now() - begun).toBeLessThan(4_000);
  expect((await health('live')).status).toBe(200);
  for (const { errors } of await Promise.all(asked)) {
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual([expect.stringMatching(/^(OVERLOADED|TIMEOUT)$/)]);
  }
  expect(performance.now() - begun).toBeLessThan(15_000);
  await proxy.restore();
  await eventually('ready again', isReady, 20_000);
  expect((await create('into-the-silence')).errors).toBeUndefined();
});
