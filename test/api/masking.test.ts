import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ CACHE_ENTRIES: 0 });
  await service.send('mutation { createAssessment(input: { assessmentId: "there", type: HEALTH }) { __typename } }');
  const psql = await service.database.connect();
  await psql.query('alter table assessment_states rename column message to secret_column');
  await psql.query('alter table assessment_state_audit rename column change_reason to secret_reason');
});
afterAll(() => service.stop());
beforeEach(() => {
  service.logged.length = 0;
});

const operations: Record<string, string> = {
  assessment: '{ broken: assessment(assessmentId: "there") { state } }',
  assessments: '{ broken: assessments { nodes { state } } }',
  waitForAssessment: '{ broken: waitForAssessment(assessmentId: "there", timeoutMs: 0) { __typename } }',
  createAssessment: 'mutation { broken: createAssessment(input: { assessmentId: "new", type: HEALTH }) { __typename } }',
  cancelAssessment: 'mutation { broken: cancelAssessment(input: { assessmentId: "there" }) { __typename } }',
};
const inside = /column|relation|secret|prisma|postgres|select |assessment_states|4270\d|\.ts\b|\.js\b|node_modules|stack|\bat \w/i;

interface Line {
  level: number;
  requestId?: string;
  path?: string;
  err?: { message: string; stack: string };
}
const faults = (): Line[] => service.logged.map((line) => JSON.parse(line) as Line).filter(({ level }) => level >= 50);

describe.each(Object.entries(operations))('a fault of the service in %s', (_, operation) => {
  test('is told as INTERNAL, with the request id of the header and nothing of what is inside', async () => {
    const { status, headers, data, errors = [] } = await service.send(operation);
    const requestId = headers.get('x-request-id');
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(status).toBe(200);
    expect(Object.values(data ?? {}).every((value) => value === null)).toBe(true);
    expect(errors).toEqual([
      { message: expect.any(String), locations: expect.any(Array), path: ['broken'], extensions: { code: 'INTERNAL', requestId } },
    ]);
    for (const { message, extensions } of errors) expect(JSON.stringify({ message, extensions, data })).not.toMatch(inside);
  });

  test('is logged once under that id, with the real error', async () => {
    const { headers } = await service.send(operation);
    expect(faults()).toEqual([
      expect.objectContaining({
        ...{ requestId: headers.get('x-request-id'), path: 'broken' },
        err: expect.objectContaining({
          message: expect.stringMatching(/column .*(message|change_reason).* does not exist/),
          stack: expect.stringContaining('at '),
        }),
      }),
    ]);
  });
});

test('each of several faults of one request is told and logged by its place', async () => {
  const { errors = [], headers } = await service.send(
    '{ a: assessment(assessmentId: "there") { state } b: assessment(assessmentId: "other") { state } }',
  );
  expect(errors.map((error) => error.path)).toEqual([['a'], ['b']]);
  expect(faults().map(({ path, requestId }) => ({ path, requestId }))).toEqual(
    ['a', 'b'].map((path) => ({ path, requestId: headers.get('x-request-id') })),
  );
});

test('a fault in one field leaves the others their answers', async () => {
  const { data, errors } = await service.send('{ assessment(assessmentId: "there") { state } health { version } __typename }');
  expect(data).toEqual({ assessment: null, health: { version: expect.any(String) }, __typename: 'Query' });
  expect(errors).toHaveLength(1);
});

test('a client may name its request; what could be mistaken for more than a name is not taken', async () => {
  const query = operations['assessment'] ?? '';
  const named = await service.send(query, {}, { 'x-request-id': 'client-7:step.1' });
  expect(named.headers.get('x-request-id')).toBe('client-7:step.1');
  expect(named.errors?.[0]?.extensions['requestId']).toBe('client-7:step.1');
  expect(faults().at(-1)?.requestId).toBe('client-7:step.1');
  for (const id of ['a b', '{"level":60}', 'x'.repeat(129), 'a,b', '<script>']) {
    const { headers } = await service.send(query, {}, { 'x-request-id': id });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('every answer carries a request id of its own', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, async () => (await service.send('{ __typename }')).headers.get('x-request-id')));
  expect(new Set(ids).size).toBe(20);
  expect(ids).not.toContain(null);
});
