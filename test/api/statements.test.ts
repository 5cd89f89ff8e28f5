import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

// The cache would answer for assessments that have ended, and hide what reading them costs.
let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ CACHE_ENTRIES: 0 });
  const made = Array.from({ length: 50 }, (_, number) => number);
  await Promise.all(
    made.map((number) => service.send(create, { input: { assessmentId: `a-${number}`, type: 'HEALTH', metadata: { number } } })),
  );
  const changes = [
    'startProcessing(input: { assessmentId: $id })',
    'completeAssessment(input: { assessmentId: $id, result: { ok: true } })',
  ];
  for (const change of changes) {
    await Promise.all(made.map((number) => service.send(`mutation ($id: String!) { ${change} { __typename } }`, { id: `a-${number}` })));
  }
});
afterAll(() => service.stop());
beforeEach(() => {
  service.statements.length = 0;
});

const create = 'mutation ($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename } }';

/** Answers an operation without errors, and counts the statements that it cost. */
async function cost(query: string): Promise<{ data: Record<string, unknown>; statements: number }> {
  const { data, errors } = await service.send(query);
  expect(errors).toBeUndefined();
  return { data, statements: service.statements.length };
}

const page = (selection: string): string => `{ assessments(first: 50) { nodes { ${selection} } } }`;

test('the audit trails of 50 assessments cost at most 3 statements', async () => {
  const { data, statements } = await cost(page('auditTrail(first: 5) { nodes { reason versionTo } }'));
  expect(statements).toBeLessThanOrEqual(3);
  const { nodes } = data['assessments'] as { nodes: { auditTrail: { nodes: { versionTo: number }[] } }[] };
  expect(nodes).toHaveLength(50);
  for (const { auditTrail } of nodes) expect(auditTrail.nodes.map(({ versionTo }) => versionTo)).toEqual([1, 2, 3]);
});

test('different pages of the same audit trails cost a statement each, not one for each assessment', async () => {
  const { statements } = await cost(
    page('begin: auditTrail(first: 1) { nodes { versionTo } } end: auditTrail(last: 1) { nodes { versionTo } }'),
  );
  expect(statements).toBe(3);
});

test('two assessment(assessmentId:) of one request cost one statement, as do two of the same', async () => {
  const { data, statements } = await cost(
    '{ a: assessment(assessmentId: "a-1") { assessmentId } b: assessment(assessmentId: "a-2") { assessmentId } c: assessment(assessmentId: "a-1") { version } }',
  );
  expect(data).toEqual({ a: { assessmentId: 'a-1' }, b: { assessmentId: 'a-2' }, c: { version: 3 } });
  expect(statements).toBe(1);
});

test('what one request has read is not kept for the next', async () => {
  const query = '{ assessment(assessmentId: "a-1") { version } }';
  await cost(query);
  expect(await cost(query)).toEqual({ data: { assessment: { version: 3 } }, statements: 2 });
});

for (const body of ['requestData', 'resultData', 'options { includeDetails timeout }']) {
  test(`${body} of 50 assessments costs one statement`, async () => {
    const { data, statements } = await cost(page(body));
    expect(statements).toBe(2);
    const { nodes } = data['assessments'] as { nodes: Record<string, unknown>[] };
    for (const node of nodes) expect(Object.values(node)[0]).toBeTypeOf('object');
    expect(nodes).toHaveLength(50);
  });
}

test('options and requestData share a statement', async () => {
  expect((await cost(page('options { deepScan } requestData'))).statements).toBe(2);
});

test('plain fields cost nothing beyond the list', async () => {
  const plain =
    'id assessmentId type source serverName state terminal version progress message priority errorMessage retryCount maxRetries nextRetryAt ' +
    'timeoutMs claim { workerId claimedAt expiresAt } createdAt updatedAt startedAt completedAt durationMs';
  expect((await cost(page(plain))).statements).toBe(1);
  service.statements.length = 0;
  expect(
    (await cost(`{ assessments(first: 50) { pageInfo { hasNextPage endCursor } edges { cursor node { ${plain} } } } }`)).statements,
  ).toBe(1);
});

test('totalCount is counted when it is selected, and only then', async () => {
  await cost(page('id'));
  expect(service.statements.some((sql) => /count\(/.test(sql))).toBe(false);
  const { data, statements } = await cost('{ assessments(first: 2) { totalCount nodes { id } } }');
  expect(data).toMatchObject({ assessments: { totalCount: 50 } });
  expect(statements).toBe(1 + 2);
});

test('a list within @skip(if: true) is not read at all', async () => {
  expect((await cost('{ __typename assessments @skip(if: true) { nodes { id } } }')).statements).toBe(0);
});

test('a mutation and what its answer selects of the assessment is one statement; its trail is one more', async () => {
  const input = '{ assessmentId: "fresh", type: HEALTH }';
  await cost(
    `mutation { createAssessment(input: ${input}) { ... on CreateAssessmentPayload { assessment { state version createdAt } } } }`,
  );
  expect(service.statements).toHaveLength(1);
  service.statements.length = 0;
  await cost(
    'mutation { startProcessing(input: { assessmentId: "fresh" }) { ... on StartProcessingPayload { assessment { startedAt auditTrail { nodes { reason } } } } } }',
  );
  expect(service.statements).toHaveLength(2);
});
