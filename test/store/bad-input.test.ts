import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentStore, InvalidInputError } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
  await setup.store.createAssessment({ assessmentId: 'there', type: 'HEALTH' }, actor);
});
afterAll(() => setup.stop());

function deep(levels: number): { [key: string]: unknown } {
  let value = {};
  for (let level = 1; level < levels; level++) value = { a: value };
  return value;
}

type Call = (store: AssessmentStore) => Promise<unknown>;

/** Expects a refusal that names exactly these fields, before any statement was sent. */
async function expectRefused(call: Call, ...paths: string[]): Promise<void> {
  setup.statements.length = 0;
  const error = await refusalOf(call(setup.store));
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as InvalidInputError).fields.map(({ path }) => path.join('.'))).toEqual(paths);
  for (const { message } of (error as InvalidInputError).fields) expect(message).toMatch(/^(must|is not|has a key|is a)/);
  expect(setup.statements).toEqual([]);
}

const badIds: [string, string][] = [
  ['empty', ''],
  ['256 letters long', 'k'.repeat(256)],
  ['256 emoji long', '😀'.repeat(256)],
  ['with a NUL', 'a\0b'],
  ['with half a surrogate pair', 'a\ud83d'],
];
const callsById: [string, (store: AssessmentStore, assessmentId: string) => Promise<unknown>][] = [
  ['createAssessment', (store, assessmentId) => store.createAssessment({ assessmentId, type: 'HEALTH' }, actor)],
  ['startProcessing', (store, assessmentId) => store.startProcessing({ assessmentId }, actor)],
  ['updateProgress', (store, assessmentId) => store.updateProgress({ assessmentId, progress: 1 }, actor)],
  ['completeAssessment', (store, assessmentId) => store.completeAssessment({ assessmentId, result: {} }, actor)],
  ['failAssessment', (store, assessmentId) => store.failAssessment({ assessmentId, error: 'x' }, actor)],
  ['cancelAssessment', (store, assessmentId) => store.cancelAssessment({ assessmentId }, actor)],
  ['retryAssessment', (store, assessmentId) => store.retryAssessment({ assessmentId }, actor)],
  ['getState', (store, assessmentId) => store.getState(assessmentId, actor)],
  ['auditTrail', (store, assessmentId) => store.auditTrail(assessmentId, {}, actor)],
  ['waitForCompletion', (store, assessmentId) => store.waitForCompletion({ assessmentId }, actor)],
  ['watchAssessment', (store, assessmentId) => store.watchAssessment({ assessmentId }, actor)],
];

describe.each(callsById)('%s', (_, call) => {
  test.each(badIds)('refuses an assessmentId that is %s', async (__, id) => {
    await expectRefused((store) => call(store, id), 'assessmentId');
  });
});

const create =
  (input: object): Call =>
  (store) =>
    store.createAssessment({ type: 'HEALTH', ...input }, actor);
const target = { assessmentId: 'there' };

test.each<[string, Call, string[]]>([
  ['priority 0', create({ priority: 0 }), ['priority']],
  ['priority 11', create({ priority: 11 }), ['priority']],
  ['priority 1.5', create({ priority: 1.5 }), ['priority']],
  ['timeoutMs 0', create({ timeoutMs: 0 }), ['timeoutMs']],
  ['timeoutMs -1', create({ timeoutMs: -1 }), ['timeoutMs']],
  ['timeoutMs over 32 bits', create({ timeoutMs: 2 ** 31 }), ['timeoutMs']],
  ['a negative timeout among the options', create({ options: { timeout: -1 } }), ['options.timeout']],
  ['maxRetries -1', create({ maxRetries: -1 }), ['maxRetries']],
  ['a type that there is not', create({ type: 'OTHER' }), ['type']],
  ['a source that there is not', create({ source: 'OTHER' }), ['source']],
  ['an empty server name', create({ serverName: '' }), ['serverName']],
  ['a server name with a NUL', create({ serverName: 'a\0' }), ['serverName']],
  ['a server name that is too long', create({ serverName: 's'.repeat(256) }), ['serverName']],
  ['a server filter with half a surrogate pair', create({ options: { serverFilter: ['fine', '\udc00'] } }), ['options.serverFilter.1']],
  ['a date that is none', create({ timestamp: new Date(Number.NaN) }), ['timestamp']],
  ['metadata that is a list', create({ metadata: [] }), ['metadata']],
  ['metadata nested 65 deep', create({ metadata: deep(65) }), [`metadata${'.a'.repeat(8)}`]],
  ['metadata nested 100,000 deep', create({ metadata: deep(100_000) }), [`metadata${'.a'.repeat(8)}`]],
  ['metadata with a NUL', create({ metadata: { list: ['\0'] } }), ['metadata.list.0']],
  ['metadata with a key of half a surrogate pair', create({ metadata: { '\ud800': 1 } }), ['metadata']],
  ['several mistakes at once', create({ priority: 0, timeoutMs: -1, serverName: '' }), ['serverName', 'priority', 'timeoutMs']],
  ['progress -1', (store) => store.updateProgress({ ...target, progress: -1 }, actor), ['progress']],
  ['progress 101', (store) => store.updateProgress({ ...target, progress: 101 }, actor), ['progress']],
  ['progress 1.5', (store) => store.updateProgress({ ...target, progress: 1.5 }, actor), ['progress']],
  ['a message with a NUL', (store) => store.updateProgress({ ...target, progress: 1, message: '\0' }, actor), ['message']],
  [
    'a message that is too long',
    (store) => store.updateProgress({ ...target, progress: 1, message: 'm'.repeat(10_001) }, actor),
    ['message'],
  ],
  ['expectedVersion 0', (store) => store.startProcessing({ ...target, expectedVersion: 0 }, actor), ['expectedVersion']],
  ['expectedVersion over 32 bits', (store) => store.startProcessing({ ...target, expectedVersion: 2 ** 31 }, actor), ['expectedVersion']],
  ['a result that is null', (store) => store.completeAssessment({ ...target, result: null as never }, actor), ['result']],
  ['a result nested 65 deep', (store) => store.completeAssessment({ ...target, result: deep(65) }, actor), [`result${'.a'.repeat(8)}`]],
  ['an error that is empty', (store) => store.failAssessment({ ...target, error: '' }, actor), ['error']],
  ['a reason with half a surrogate pair', (store) => store.cancelAssessment({ ...target, reason: '\ud800' }, actor), ['reason']],
  ['a reason that is too long', (store) => store.retryAssessment({ ...target, reason: 'r'.repeat(2_001) }, actor), ['reason']],
  ['a wait of less than nothing', (store) => store.waitForCompletion({ ...target, timeoutMs: -1 }, actor), ['timeoutMs']],
  ['a wait of more than ten minutes', (store) => store.waitForCompletion({ ...target, timeoutMs: 600_001 }, actor), ['timeoutMs']],
  ['a version below 0', (store) => store.watchAssessment({ ...target, afterVersion: -1 }, actor), ['afterVersion']],
  ['first 101', (store) => store.listAssessments({ first: 101 }, actor), ['first']],
  ['first -1 of an audit trail', (store) => store.auditTrail('there', { first: -1 }, actor), ['first']],
  ['first together with last', (store) => store.listAssessments({ first: 1, last: 1 }, actor), ['last']],
  ['a cursor that is made up', (store) => store.listAssessments({ after: 'bWFkZSB1cA' }, actor), ['after']],
  ['a cursor of an audit trail that is made up', (store) => store.auditTrail('there', { before: 'x' }, actor), ['before']],
  ['a window of no minutes', (store) => store.getAssessmentStats({ windowMinutes: 0 }, actor), ['windowMinutes']],
  ['a window of more than a day', (store) => store.getAssessmentStats({ windowMinutes: 1_441 }, actor), ['windowMinutes']],
  ['a server name with a NUL for the stats', (store) => store.getAssessmentStats({ serverName: '\0' }, actor), ['serverName']],
  ['a type that there is not for the stats', (store) => store.getAssessmentStats({ type: 'OTHER' as never }, actor), ['type']],
])('%s is refused by the name of its field, and no statement is sent', async (_, call, paths) => {
  await expectRefused(call, ...paths);
});

test('the limits themselves are fine', async () => {
  const { store } = setup;
  await store.createAssessment(
    { assessmentId: 'limits', type: 'HEALTH', priority: 10, timeoutMs: 2 ** 31 - 1, maxRetries: 1_000, metadata: deep(64) },
    actor,
  );
  await store.createAssessment({ assessmentId: 'least', type: 'HEALTH', priority: 1, timeoutMs: 1, maxRetries: 0 }, actor);
  await store.startProcessing({ assessmentId: 'limits', expectedVersion: 1 }, actor);
  await store.updateProgress({ assessmentId: 'limits', progress: 0, message: '😀'.repeat(10_000) }, actor);
  await store.updateProgress({ assessmentId: 'limits', progress: 100, message: '' }, actor);
  await store.completeAssessment({ assessmentId: 'limits', result: deep(64) }, actor);
  expect((await store.getState('limits', actor)).resultData).toEqual(deep(64));
});
