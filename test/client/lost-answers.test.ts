import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AssessmentClient } from '../../src/client/assessment-client.ts';
import { ApiError } from '../../src/client/index.ts';
import type { Assessments } from '../../src/store/index.ts';
import { UnavailableError, VersionConflictError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { refusalOf } from '../support/outcomes.ts';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
let client: AssessmentClient;
let direct: AssessmentClient;
beforeAll(async () => {
  bench = await startClientBench();
});
beforeEach(() => {
  client = bench.fronted();
  direct = bench.direct();
});
afterEach(() => bench.rest());
afterAll(async () => {
  const flaws = await findAuditFlaws(await bench.database.connect());
  await bench.stop();
  expect(flaws).toEqual([]);
});

/** The next answer to a document with this field is lost; what was asked for has been done. */
function loseAnswerTo(field: string): { lost: () => number } {
  let lost = 0;
  bench.front.rules.answer = (document) => {
    if (lost > 0 || !document.includes(`answer: ${field}(`)) return true;
    lost += 1;
    return false;
  };
  return { lost: () => lost };
}

const create = async (): Promise<string> => (await direct.createAssessment({ type: 'HEALTH', maxRetries: 1 })).assessment.assessmentId;
const started = async (): Promise<string> => {
  const assessmentId = await create();
  await direct.startProcessing({ assessmentId });
  return assessmentId;
};
const failed = async (): Promise<string> => {
  const assessmentId = await started();
  await direct.failAssessment({ assessmentId, error: 'no', retryable: false });
  return assessmentId;
};

type Command = (service: Assessments, target: { assessmentId: string; expectedVersion?: number }) => Promise<object>;
const commands: [string, () => Promise<string>, number, Command][] = [
  ['startProcessing', create, 1, (service, target) => service.startProcessing(target)],
  ['updateProgress', started, 2, (service, target) => service.updateProgress({ ...target, progress: 40, message: 'going' })],
  ['completeAssessment', started, 2, (service, target) => service.completeAssessment({ ...target, result: { b: 1, a: [{}] } })],
  ['failAssessment', started, 2, (service, target) => service.failAssessment({ ...target, error: 'no route', retryable: false })],
  ['failAssessment', started, 2, (service, target) => service.failAssessment({ ...target, error: 'no route' })],
  ['cancelAssessment', create, 1, (service, target) => service.cancelAssessment({ ...target, reason: 'enough' })],
  ['cancelAssessment', started, 2, (service, target) => service.cancelAssessment(target)],
  ['retryAssessment', failed, 3, (service, target) => service.retryAssessment({ ...target, reason: 'again' })],
];

describe('a command whose answer is lost after it was carried out', () => {
  test.each(commands)('%s with expectedVersion is answered as if it had not been lost', async (field, prepare, version, command) => {
    const assessmentId = await prepare();
    const { lost } = loseAnswerTo(field);
    const answer = await command(client, { assessmentId, expectedVersion: version });
    expect(lost()).toBe(1);
    const { requestData: _request, resultData: _result, ...view } = await direct.getState(assessmentId);
    expect(answer).toEqual(view);
    expect(view.version).toBe(version + 1);
  });

  test.each(commands)('%s without expectedVersion is not sent again: nobody knows', async (field, prepare, version, command) => {
    const assessmentId = await prepare();
    const { lost } = loseAnswerTo(field);
    expect(await refusalOf(command(client, { assessmentId }))).toBeInstanceOf(UnavailableError);
    expect(lost()).toBe(1);
    expect((await direct.getState(assessmentId)).version).toBe(version + 1);
  });

  test.each(commands)('%s that somebody else was quicker with is a VersionConflictError', async (field, prepare, version, command) => {
    const assessmentId = await prepare();
    let changed: Promise<boolean> | undefined;
    // The request is lost, and before it is repeated somebody else makes another change.
    bench.front.rules.request = (document) => {
      if (!document.includes(`answer: ${field}(`)) return true;
      const isRepeated = changed !== undefined;
      changed ??= changeOtherwise(assessmentId).then(() => true);
      return isRepeated && changed;
    };
    expect(await refusalOf(command(client, { assessmentId, expectedVersion: version }))).toBeInstanceOf(VersionConflictError);
    bench.front.rules.request = () => true;
  });
});

/** A change that none of the commands above makes. */
async function changeOtherwise(assessmentId: string): Promise<void> {
  const psql = await bench.database.connect();
  const { rowCount } = await psql.query(
    "update assessment_states set message = 'by hand', changed_by = 'operator' where assessment_id = $1 and state <> 'failed'",
    [assessmentId],
  );
  if (rowCount === 0) await direct.retryAssessment({ assessmentId, reason: 'by somebody else' });
  await psql.end();
}

describe('a creation whose answer is lost', () => {
  test('without a key is created once, by this call', async () => {
    const before = await direct.countAssessments();
    const { lost } = loseAnswerTo('createAssessment');
    const { assessment, created } = await client.createAssessment({ type: 'HEALTH' });
    expect({ created, lost: lost() }).toEqual({ created: true, lost: 1 });
    expect(await direct.getState(assessment.assessmentId)).toMatchObject({ version: 1 });
    expect(await direct.countAssessments()).toBe(before + 1);
  });

  test('with a key of the caller gives the one that is there', async () => {
    loseAnswerTo('createAssessment');
    const { assessment } = await client.createAssessment({ assessmentId: 'mine', type: 'HEALTH' });
    expect(assessment).toMatchObject({ assessmentId: 'mine', version: 1 });
  });

  test('of many gives each of them', async () => {
    const { lost } = loseAnswerTo('batchCreateAssessments');
    const results = await client.batchCreateAssessments({
      assessments: [{ type: 'HEALTH' }, { type: 'HEALTH', priority: 99 }, { type: 'HEALTH' }],
    });
    expect(lost()).toBe(1);
    expect(results).toMatchObject([{ created: true }, { code: 'INVALID_INPUT' }, { created: true }]);
  });
});

describe('other calls whose answer is lost', () => {
  test('a heartbeat and a release are sent again', async () => {
    const assessmentId = await create();
    const claims = await direct.claimAssessments({ workerId: 'w', limit: 500 });
    const claim = claims.find(({ assessment }) => assessment.assessmentId === assessmentId);
    const input = { workerId: 'w', claimTokens: [claim?.claimToken ?? ''] };
    loseAnswerTo('heartbeat');
    expect(await client.heartbeat(input)).toMatchObject([{ held: true }]);
    loseAnswerTo('releaseAssessments');
    // It was released, and so it is not held when that is asked for again.
    expect(await client.releaseAssessments(input)).toMatchObject([{ released: false }]);
    expect(await direct.getState(assessmentId)).toMatchObject({ state: 'PENDING' });
  });

  test('a claim is not: its lease will run out', async () => {
    await create();
    loseAnswerTo('claimAssessments');
    expect(await refusalOf(client.claimAssessments({ workerId: 'w', leaseMs: 100 }))).toBeInstanceOf(UnavailableError);
  });

  test('a batch of changes is not', async () => {
    const assessmentId = await started();
    loseAnswerTo('batchUpdateProgress');
    const updates = [{ assessmentId, progress: 10, expectedVersion: 2 }];
    expect(await refusalOf(client.batchUpdateProgress({ updates }))).toBeInstanceOf(UnavailableError);
    expect(await direct.getState(assessmentId)).toMatchObject({ progress: 10 });
  });
});

describe('what stands before the service answers in its place', () => {
  /** Answers with each status in turn, and passes on what follows. */
  const answerWith = (...answers: [number, string, Record<string, string>?][]): void => {
    bench.front.rules.instead = () => answers.shift();
  };
  afterEach(() => answerWith());

  test.each([500, 502, 503, 504, 408, 425, 429])('%i passes: what may be done twice is asked again', async (status) => {
    const assessmentId = await create();
    answerWith([status, '<h1>Try later</h1>'], [status, '{"error":"later"}']);
    expect(await client.getState(assessmentId)).toMatchObject({ assessmentId });
  });

  test.each([502, 503])('%i may hide that a command was carried out: it is not sent again', async (status) => {
    answerWith([status, 'Bad Gateway']);
    const error = await refusalOf(client.startProcessing({ assessmentId: await create() }));
    expect(error).toBeInstanceOf(UnavailableError);
    expect((error as Error).message).toMatch(new RegExp(`its status is ${status}`));
  });

  test.each([
    ['408', [408, 'too slow'] as [number, string]],
    ['429', [429, 'slow down'] as [number, string]],
    ['a service that starts', [503, '{"status":"starting"}'] as [number, string]],
    ['a service that stops', [503, '{"status":"stopping"}'] as [number, string]],
    [
      'a service that has no place',
      [503, '{"errors":[{"message":"full","extensions":{"code":"OVERLOADED","limit":"process"}}]}'] as [number, string],
    ],
  ])('of %s it is known that nothing was done: a command is sent again', async (__, answer) => {
    const assessmentId = await create();
    answerWith(answer);
    expect(await client.startProcessing({ assessmentId })).toMatchObject({ version: 2 });
  });

  test('it is asked again as late as it wishes', async () => {
    const assessmentId = await create();
    answerWith([503, 'later', { 'retry-after': '3600' }]);
    const error = await refusalOf(bench.fronted({ timeoutMs: 500 }).getState(assessmentId));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ retryAfterMs: 3_600_000 });
  });

  test.each([
    [404, 'not here', 'HTTP_404'],
    [413, 'too large', 'REQUEST_ENTITY_TOO_LARGE'],
    [403, 'not you', 'FORBIDDEN'],
    [401, 'who?', 'UNAUTHENTICATED'],
    [200, '<h1>Welcome</h1>', 'HTTP_200'],
    [200, '{"data":null}', 'BAD_ANSWER'],
    [200, '{"data":{"answer":{"assessmentId":1}}}', 'BAD_ANSWER'],
    [200, '{"data":{"answer":[]}}', 'BAD_ANSWER'],
  ])('%i with %j is final: an ApiError', async (status, text, code) => {
    answerWith([status, text]);
    const error = await refusalOf(client.getState('x'));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code });
  });

  test('an answer that is too large is broken off', async () => {
    const big = bench.fronted({ maxAnswerBytes: 1_024 });
    answerWith([200, 'x'.repeat(5_000)]);
    expect(await refusalOf(big.getState('x'))).toMatchObject({
      code: 'BAD_ANSWER',
      message: expect.stringMatching(/larger than 1024 bytes/),
    });
  });
});
