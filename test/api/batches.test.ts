import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { bringTo, keysOf } from '../support/batches.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(async () => {
  const flaws = await findAuditFlaws(await service.database.connect());
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect({ flaws, faults }).toEqual({ flaws: [], faults: [] });
});

const refusals = `... on Error { code message } ... on InvalidInputError { fields { path message } } ... on NotFoundError { assessmentId }
  ... on InvalidTransitionError { from to allowed assessment { state } } ... on VersionConflictError { expectedVersion assessment { version } }
  ... on ClaimLostError { assessment { state } }`;
const documents = {
  batchCreateAssessments: `results { __typename ... on CreateAssessmentPayload { created assessment { id assessmentId state version } }
    ... on Error { code message } ... on InvalidInputError { fields { path message } } ... on AlreadyExistsError { assessment { assessmentId type } } }`,
  batchUpdateProgress: `results { __typename ... on UpdateProgressPayload { assessment { assessmentId progress message } } ${refusals} }`,
  batchCompleteAssessments: `results { __typename ... on CompleteAssessmentPayload { assessment { assessmentId state resultData } } ${refusals} }`,
  batchRetryFailedAssessments: 'assessmentIds',
  batchCancelAssessments: 'assessmentIds',
  cleanupOldAssessments: 'deletedCount',
} as const;
type Name = keyof typeof documents;

interface Payload {
  results: Record<string, unknown>[];
  assessmentIds: string[];
  deletedCount: number;
}

const send = (name: Name, input: unknown): Promise<Answer<Record<string, Payload>>> => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input!`;
  return service.send(`mutation ($input: ${type}) { ${name}(input: $input) { ${documents[name]} } }`, { input });
};

async function run(name: Name, input: unknown): Promise<Payload> {
  const { status, data, errors } = await send(name, input);
  expect({ status, errors }).toEqual({ status: 200, errors: undefined });
  return data[name] as Payload;
}

const creations = (keys: readonly string[]) => keys.map((assessmentId) => ({ assessmentId, type: 'HEALTH' }));
const namesOf = ({ results }: Payload) => results.map(({ __typename }) => __typename);

async function processing(prefix: string, count: number): Promise<string[]> {
  const keys = keysOf(prefix, count);
  await run('batchCreateAssessments', { assessments: creations(keys) });
  await bringTo(await service.database.connect(), keys, 'processing');
  return keys;
}

describe('results', () => {
  test('of a creation are payloads and refusals of the same union as for one, in the order of the input', async () => {
    await run('batchCreateAssessments', { assessments: creations(['taken']) });
    const { results } = await run('batchCreateAssessments', {
      assessments: [
        { assessmentId: 'new', type: 'HEALTH' },
        { assessmentId: 'taken', type: 'SECURITY' },
        { type: 'HEALTH', priority: 0 },
        ...creations(['taken']),
      ],
    });
    expect(results).toEqual([
      {
        __typename: 'CreateAssessmentPayload',
        created: true,
        assessment: { id: expect.any(String), assessmentId: 'new', state: 'PENDING', version: 1 },
      },
      {
        __typename: 'AlreadyExistsError',
        code: 'ALREADY_EXISTS',
        message: expect.any(String),
        assessment: { assessmentId: 'taken', type: 'HEALTH' },
      },
      {
        ...{ __typename: 'InvalidInputError', code: 'INVALID_INPUT', message: expect.stringContaining('priority') },
        fields: [{ path: ['priority'], message: expect.stringMatching(/^must be/) }],
      },
      { __typename: 'CreateAssessmentPayload', created: false, assessment: expect.objectContaining({ assessmentId: 'taken' }) },
    ]);
  });

  test('of progress and completion can be every refusal that one can', async () => {
    const [fine = '', ended = '', held = ''] = await processing('every', 3);
    const psql = await service.database.connect();
    await bringTo(psql, [ended], 'cancelled');
    await psql.query(
      "update assessment_states set claimed_by = 'w', claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now() + interval '1 minute' where assessment_id = $1",
      [held],
    );
    const items = [
      { assessmentId: fine, expectedVersion: 9 },
      { assessmentId: ended },
      { assessmentId: held },
      { assessmentId: 'nobody' },
      { assessmentId: '' },
    ];
    const expected = ['VersionConflictError', 'InvalidTransitionError', 'ClaimLostError', 'NotFoundError', 'InvalidInputError'];
    const progress = await run('batchUpdateProgress', {
      updates: [...items, { assessmentId: fine, message: 'm' }].map((item) => ({ ...item, progress: 3 })),
    });
    expect(namesOf(progress)).toEqual([...expected, 'UpdateProgressPayload']);
    expect(progress.results[5]).toMatchObject({ assessment: { assessmentId: fine, progress: 3, message: 'm' } });
    expect(progress.results[1]).toMatchObject({ from: 'CANCELLED', to: 'PROCESSING', allowed: [], assessment: { state: 'CANCELLED' } });
    const completion = await run('batchCompleteAssessments', {
      completions: [...items, { assessmentId: fine }].map((item) => ({ ...item, result: { a: 1 } })),
    });
    expect(namesOf(completion)).toEqual([...expected, 'CompleteAssessmentPayload']);
    expect(completion.results[5]).toMatchObject({ assessment: { assessmentId: fine, state: 'COMPLETED', resultData: { a: 1 } } });
  });

  test('of an atomic batch are all refusals when one is', async () => {
    const [fine = ''] = await processing('atomic', 1);
    const answer = await run('batchCompleteAssessments', {
      completions: [fine, 'nobody'].map((assessmentId) => ({ assessmentId, result: {} })),
      atomic: true,
    });
    expect(namesOf(answer)).toEqual(['InvalidInputError', 'NotFoundError']);
    expect(answer.results[0]).toMatchObject({
      message: expect.stringMatching(/nothing was changed.*item 1 .*NOT_FOUND/),
      fields: [{ path: [] }],
    });
    const { data } = await service.send('query ($id: String!) { assessment(assessmentId: $id) { state version } }', { id: fine });
    expect(data).toEqual({ assessment: { state: 'PROCESSING', version: 2 } });
  });

  test('of 10,000 come in one answer', { timeout: 120_000 }, async () => {
    const keys = keysOf('many', 10_000);
    const created = await run('batchCreateAssessments', { assessments: creations(keys) });
    expect(created.results.map(({ assessment }) => Object(assessment).assessmentId)).toEqual(keys);
    await bringTo(await service.database.connect(), keys, 'processing');
    const completions = keys.map((assessmentId) => ({ assessmentId, result: { assessmentId } }));
    expect(new Set(namesOf(await run('batchCompleteAssessments', { completions })))).toEqual(new Set(['CompleteAssessmentPayload']));
    // Every one of them refused costs no more.
    const again = await run('batchCompleteAssessments', { completions });
    expect(new Set(namesOf(again))).toEqual(new Set(['InvalidTransitionError']));
  });
});

describe('commands by filter', () => {
  test('cancel, retry and clean up what matches', async () => {
    const keys = await processing('filter', 3);
    const [failed = '', ...others] = keys;
    await bringTo(await service.database.connect(), [failed], 'failed');
    const where = { assessmentId: { startsWith: 'filter' } };
    expect(await run('batchRetryFailedAssessments', { maxRetries: 1, where, reason: 'again' })).toEqual({ assessmentIds: [failed] });
    const { assessmentIds } = await run('batchCancelAssessments', { where: { ...where, state: { eq: 'PROCESSING' } } });
    expect(assessmentIds.toSorted()).toEqual(others);
    expect(await run('batchCancelAssessments', { where })).toEqual({ assessmentIds: [failed] });
    expect(await run('cleanupOldAssessments', { retentionDays: 1 })).toEqual({ deletedCount: 0 });
    expect(await run('cleanupOldAssessments', { retentionDays: 1, dryRun: true })).toEqual({ deletedCount: 0 });
  });

  test('tell subscribers, each of its own assessment', async () => {
    const [assessmentId = ''] = await processing('subscribed', 1);
    const kinds: unknown[] = [];
    let ended = false;
    service.connect().subscribe(
      { query: 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { kind } }', variables: { id: assessmentId } },
      {
        next: ({ data }) => void kinds.push(Object(data?.['assessmentUpdated']).kind),
        error: (error) => void kinds.push(error),
        complete: () => {
          ended = true;
        },
      },
    );
    await eventually('the subscription has begun', () => kinds.length > 0);
    await run('batchCancelAssessments', { where: { assessmentId: { eq: assessmentId } } });
    await eventually('the subscription has ended', () => ended);
    expect(kinds).toEqual(['SNAPSHOT', 'CANCELLED']);
  });
});

const tooMany = (item: object) => Array.from({ length: 10_001 }, () => item);
const unlimited = { where: { state: { eq: 'PENDING' } } };
test.each<[Name, string, object]>([
  ['batchCreateAssessments', 'assessments', { assessments: tooMany({ type: 'HEALTH' }) }],
  ['batchUpdateProgress', 'updates', { updates: tooMany({ assessmentId: 'a', progress: 1 }) }],
  ['batchCompleteAssessments', 'completions', { completions: tooMany({ assessmentId: 'a', result: {} }) }],
  ['batchRetryFailedAssessments', 'maxRetries', { maxRetries: 0 }],
  ['batchRetryFailedAssessments', 'limit', { maxRetries: 1, limit: 10_001 }],
  ['batchRetryFailedAssessments', 'reason', { maxRetries: 1, reason: 'r'.repeat(2_001) }],
  ['batchRetryFailedAssessments', 'where.serverName.eq', { maxRetries: 1, where: { serverName: { eq: '\0' } } }],
  ['batchCancelAssessments', 'where', { where: {} }],
  ['batchCancelAssessments', 'where', { where: { or: [{}] } }],
  ['batchCancelAssessments', 'limit', { ...unlimited, limit: 0 }],
  ['batchCancelAssessments', 'reason', { ...unlimited, reason: '\0' }],
  ['cleanupOldAssessments', 'retentionDays', { retentionDays: 0 }],
  ['cleanupOldAssessments', 'retentionDays', { retentionDays: 36_501, dryRun: true }],
])('%s with a bad %s is a top-level error that names it', async (name, path, input) => {
  const { status, errors = [] } = await send(name, input);
  expect(status).toBe(200);
  expect(errors.map(({ extensions }) => extensions)).toEqual([
    { code: 'BAD_USER_INPUT', argument: path.split('.')[0], fields: [{ path: path.split('.'), message: expect.stringMatching(/^must /) }] },
  ]);
});

test.each<[Name, object]>([
  ['batchCreateAssessments', {}],
  ['batchCreateAssessments', { assessments: [null] }],
  ['batchCreateAssessments', { assessments: [{ type: 'NOPE' }] }],
  ['batchUpdateProgress', { updates: [{ assessmentId: 'a' }] }],
  ['batchUpdateProgress', { updates: [], atomic: 'yes' }],
  ['batchCompleteAssessments', { completions: [{ assessmentId: 'a', result: [] }] }],
  ['batchRetryFailedAssessments', { maxRetries: '1' }],
  ['batchCancelAssessments', { where: null }],
  ['batchCancelAssessments', { where: { invented: 1 } }],
  ['cleanupOldAssessments', { retentionDays: 1.5 }],
])('%s with what is not of its type is refused before it is run: %j', async (name, input) => {
  const { errors = [] } = await send(name, input);
  expect(errors.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT']);
});
