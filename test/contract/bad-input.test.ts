import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Assessments, InvalidInputError } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { type Implementation, implementations } from './implementations.ts';

type Call = (service: Assessments) => Promise<unknown>;

/** The first update of an iterator. */
const first = async (updates: AsyncIterableIterator<unknown>): Promise<unknown> => (await updates.next()).value;

const target = { assessmentId: 'there' };
const uuid = '01890a5d-ac96-774b-bcce-b302099a8057';
const deep = (levels: number): object => (levels === 1 ? {} : { a: deep(levels - 1) });
const wrongly = (value: unknown): never => value as never;

const badKeys: [string, string][] = [
  ['empty', ''],
  ['of 256 letters', 'k'.repeat(256)],
  ['with a NUL', 'a\0b'],
  ['with half a surrogate pair', 'a\ud83d'],
  ['that is a number', wrongly(7)],
  ['that is not there', wrongly(undefined)],
];
const byKey: [string, (service: Assessments, assessmentId: string) => Promise<unknown>][] = [
  ['startProcessing', (service, assessmentId) => service.startProcessing({ assessmentId })],
  ['updateProgress', (service, assessmentId) => service.updateProgress({ assessmentId, progress: 1 })],
  ['completeAssessment', (service, assessmentId) => service.completeAssessment({ assessmentId, result: {} })],
  ['failAssessment', (service, assessmentId) => service.failAssessment({ assessmentId, error: 'x' })],
  ['cancelAssessment', (service, assessmentId) => service.cancelAssessment({ assessmentId })],
  ['retryAssessment', (service, assessmentId) => service.retryAssessment({ assessmentId })],
  ['getState', (service, assessmentId) => service.getState(assessmentId)],
  ['auditTrail', (service, assessmentId) => service.auditTrail(assessmentId)],
  ['waitForCompletion', (service, assessmentId) => service.waitForCompletion({ assessmentId })],
  ['waitForCompletion, only looking', (service, assessmentId) => service.waitForCompletion({ assessmentId, timeoutMs: 0 })],
  ['a long waitForCompletion', (service, assessmentId) => service.waitForCompletion({ assessmentId, timeoutMs: 3_600_000 })],
  ['watch', (service, assessmentId) => first(service.watch({ assessmentId }))],
];

const create =
  (input: object): Call =>
  (service) =>
    service.createAssessment({ type: 'HEALTH', ...input });
const list =
  (input: object): Call =>
  (service) =>
    service.listAssessments(input);

const others: [string, Call, string[]][] = [
  ['no request at all', (service) => service.createAssessment(wrongly(undefined)), ['']],
  ['no type', (service) => service.createAssessment(wrongly({})), ['type']],
  ['a type that there is not', create({ type: 'OTHER' }), ['type']],
  ['a source that there is not', create({ source: 'OTHER' }), ['source']],
  ['an empty key', create({ assessmentId: '' }), ['assessmentId']],
  ['priority 0', create({ priority: 0 }), ['priority']],
  ['priority 11', create({ priority: 11 }), ['priority']],
  ['priority 2.5', create({ priority: 2.5 }), ['priority']],
  ['priority NaN', create({ priority: Number.NaN }), ['priority']],
  ['a priority in words', create({ priority: 'high' }), ['priority']],
  ['a timeout over 32 bits', create({ timeoutMs: 2 ** 31 }), ['timeoutMs']],
  ['maxRetries -1', create({ maxRetries: -1 }), ['maxRetries']],
  ['an empty server name', create({ serverName: '' }), ['serverName']],
  ['an option that is too small', create({ options: { timeout: -1 } }), ['options.timeout']],
  ['an option of a wrong type', create({ options: { deepScan: 'yes' } }), ['options.deepScan']],
  ['a server filter with a NUL', create({ options: { serverFilter: ['fine', '\0'] } }), ['options.serverFilter.1']],
  ['a date that is none', create({ timestamp: new Date(Number.NaN) }), ['timestamp']],
  ['metadata that is a list', create({ metadata: [] }), ['metadata']],
  ['metadata with a NaN', create({ metadata: { list: [1, Number.NaN] } }), ['metadata.list.1']],
  ['metadata with a BigInt', create({ metadata: { big: 1n } }), ['metadata.big']],
  ['metadata with a Date', create({ metadata: { at: new Date(0) } }), ['metadata.at']],
  ['metadata nested 65 deep', create({ metadata: deep(65) }), [`metadata${'.a'.repeat(8)}`]],
  ['metadata over 1 MiB', create({ metadata: { a: 'x'.repeat(1024 * 1024) } }), ['metadata']],
  ['several mistakes', create({ priority: 0, timeoutMs: -1, serverName: '' }), ['serverName', 'priority', 'timeoutMs']],
  ['several values of a wrong kind', create({ priority: 'high', timeoutMs: 'long' }), ['priority', 'timeoutMs']],

  ['progress 101', (service) => service.updateProgress({ ...target, progress: 101 }), ['progress']],
  ['progress 33.3', (service) => service.updateProgress({ ...target, progress: 33.3 }), ['progress']],
  ['no progress', (service) => service.updateProgress(wrongly(target)), ['progress']],
  ['a message that is too long', (service) => service.updateProgress({ ...target, progress: 1, message: 'm'.repeat(10_001) }), ['message']],
  ['expectedVersion 0', (service) => service.startProcessing({ ...target, expectedVersion: 0 }), ['expectedVersion']],
  ['expectedVersion over 32 bits', (service) => service.startProcessing({ ...target, expectedVersion: 2 ** 31 }), ['expectedVersion']],
  ['a token that is none', (service) => service.failAssessment({ ...target, error: 'x', claimToken: 'x' }), ['claimToken']],
  ['a result that is null', (service) => service.completeAssessment({ ...target, result: wrongly(null) }), ['result']],
  ['a result with a function', (service) => service.completeAssessment({ ...target, result: { f: wrongly(first) } }), ['result.f']],
  ['an error that is empty', (service) => service.failAssessment({ ...target, error: '' }), ['error']],
  ['a reason that is too long', (service) => service.cancelAssessment({ ...target, reason: 'r'.repeat(2_001) }), ['reason']],
  ['a command without an input', (service) => service.retryAssessment(wrongly(undefined)), ['']],

  ['a worker without a name', (service) => service.claimAssessments({ workerId: '' }), ['workerId']],
  ['a claim of 501', (service) => service.claimAssessments({ workerId: 'w', limit: 501 }), ['limit']],
  ['a claim of no types', (service) => service.claimAssessments({ workerId: 'w', types: [] }), ['types']],
  ['a claim of an unknown type', (service) => service.claimAssessments({ workerId: 'w', types: ['HEALTH', wrongly('X')] }), ['types.1']],
  ['a lease of 99 ms', (service) => service.claimAssessments({ workerId: 'w', leaseMs: 99 }), ['leaseMs']],
  ['a long poll of more than a minute', (service) => service.claimAssessments({ workerId: 'w', waitMs: 60_001 }), ['waitMs']],
  ['a claim without an input', (service) => service.claimAssessments(wrongly(undefined)), ['']],
  ['a heartbeat for no token', (service) => service.heartbeat({ workerId: 'w', claimTokens: [uuid, 'x'] }), ['claimTokens.1']],
  ['a release by nobody', (service) => service.releaseAssessments({ workerId: '', claimTokens: [uuid] }), ['workerId']],
  ['a release without tokens', (service) => service.releaseAssessments(wrongly({ workerId: 'w' })), ['claimTokens']],

  ['no batch at all', (service) => service.batchCreateAssessments(wrongly(undefined)), ['']],
  ['a batch without a list', (service) => service.batchCreateAssessments(wrongly({})), ['assessments']],
  ['a batch with an item in place of a list', (service) => service.batchUpdateProgress(wrongly({ updates: target })), ['updates']],
  ['a batch that is atomic in words', (service) => service.batchUpdateProgress(wrongly({ updates: [], atomic: 'yes' })), ['atomic']],
  [
    'a batch of 10,001',
    (service) => service.batchCompleteAssessments({ completions: Array.from({ length: 10_001 }, () => ({ ...target, result: {} })) }),
    ['completions'],
  ],
  ['retries of none', (service) => service.batchRetryFailedAssessments({ maxRetries: 0 }), ['maxRetries']],
  ['a limit of 10,001', (service) => service.batchRetryFailedAssessments({ maxRetries: 1, limit: 10_001 }), ['limit']],
  ['a filter in words', (service) => service.batchCancelAssessments({ where: wrongly('all') }), ['where']],
  ['a condition that is none', (service) => service.batchCancelAssessments({ where: { priority: { eq: 1.5 } } }), ['where.priority.eq']],
  ['a retention of no days', (service) => service.cleanupOldAssessments({ retentionDays: 0 }), ['retentionDays']],
  ['a retention of half a day', (service) => service.cleanupOldAssessments({ retentionDays: 0.5 }), ['retentionDays']],

  ['first 101', list({ first: 101 }), ['first']],
  ['first 1.5', list({ first: 1.5 }), ['first']],
  ['first together with last', list({ first: 1, last: 1 }), ['last']],
  ['a cursor that is made up', list({ after: 'bWFkZSB1cA' }), ['after']],
  ['an order that there is not', list({ orderBy: { field: 'SIZE', direction: 'ASC' } }), ['orderBy.field']],
  ['a direction that there is not', list({ orderBy: { field: 'PRIORITY', direction: 'UP' } }), ['orderBy.direction']],
  ['a field that cannot be filtered by', list({ where: { colour: { eq: 'red' } } }), ['where.colour']],
  ['a condition that there is not', list({ where: { priority: { about: 5 } } }), ['where.priority.about']],
  ['a state that there is not', list({ where: { state: { in: ['PENDING', 'LOST'] } } }), ['where.state.in.1']],
  ['a date of the year 10,000', list({ where: { createdAt: { gte: new Date('+010000-01-01') } } }), ['where.createdAt.gte']],
  ['a date that is none in a filter', list({ where: { createdAt: { lt: new Date(Number.NaN) } } }), ['where.createdAt.lt']],
  ['a text with a NUL in a filter', list({ where: { or: [{ serverName: { contains: '\0' } }] } }), ['where.or.0.serverName.contains']],
  ['a search for nothing', (service) => service.searchAssessments({ search: '' }), ['search']],
  ['a count by nonsense', (service) => service.countAssessments({ where: { progress: { lte: 0.5 } } }), ['where.progress.lte']],
  ['a page of a trail of -1', (service) => service.auditTrail('there', { first: -1 }), ['first']],
  ['a cursor of a trail that is made up', (service) => service.auditTrail('there', { before: 'x' }), ['before']],
  ['a window of no minutes', (service) => service.getAssessmentStats({ windowMinutes: 0 }), ['windowMinutes']],
  ['a window of half a minute', (service) => service.getAssessmentStats({ windowMinutes: 0.5 }), ['windowMinutes']],
  ['statistics of an unknown type', (service) => service.getAssessmentStats({ type: wrongly('OTHER') }), ['type']],

  ['a wait of -1 ms', (service) => service.waitForCompletion({ ...target, timeoutMs: -1 }), ['timeoutMs']],
  ['a wait of half a millisecond', (service) => service.waitForCompletion({ ...target, timeoutMs: 0.5 }), ['timeoutMs']],
  ['a wait without end', (service) => service.waitForCompletion({ ...target, timeoutMs: Number.POSITIVE_INFINITY }), ['timeoutMs']],
  ['a wait for nothing', (service) => service.waitForCompletion(wrongly(undefined)), ['']],
  ['afterVersion -1', (service) => first(service.watch({ ...target, afterVersion: -1 })), ['afterVersion']],
  ['afterVersion NaN', (service) => first(service.watch({ ...target, afterVersion: Number.NaN })), ['afterVersion']],
  ['a version that is yet to come', (service) => first(service.watch({ ...target, afterVersion: 9 })), ['afterVersion']],
  ['a feed after nonsense', (service) => first(service.feed({ after: 'nonsense' })), ['after']],
  ['a feed after an empty cursor', (service) => first(service.feed({ after: '' })), ['after']],
  ['a feed by nonsense', (service) => first(service.feed({ where: { priority: { eq: 0.5 } } })), ['where.priority.eq']],
  ['a feed by a field that there is not', (service) => first(service.feed({ where: wrongly({ colour: {} }) })), ['where.colour']],
];

describe.each(implementations)('%s refuses', (_, open) => {
  let implementation: Implementation;
  beforeAll(async () => {
    implementation = await open();
    await implementation.service.createAssessment({ assessmentId: 'there', type: 'HEALTH' });
  });
  afterAll(async () => {
    expect(implementation.open()).toBe(0);
    await implementation.stop();
  });

  const pathsOf = async (call: Call): Promise<string[]> => {
    const error = await refusalOf(call(implementation.service));
    expect(error).toBeInstanceOf(InvalidInputError);
    for (const { message } of (error as InvalidInputError).fields) expect(message).not.toBe('');
    return (error as InvalidInputError).fields.map(({ path }) => path.join('.'));
  };

  describe.each(byKey)('in %s', (__, call) => {
    test.each(badKeys)('a key %s', async (___, key) => {
      expect(await pathsOf((service) => call(service, key))).toEqual(['assessmentId']);
    });
  });

  test.each(others)('%s', async (__, call, paths) => {
    expect(await pathsOf(call)).toEqual(paths);
  });

  test('nothing of all that has changed anything', async () => {
    const { service } = implementation;
    expect(await service.countAssessments()).toBe(1);
    expect(await service.getState('there')).toMatchObject({ state: 'PENDING', version: 1 });
  });
});
