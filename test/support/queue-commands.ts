import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Assessment } from '../../src/store/index.ts';
import { letMinutesPass } from './queue-clock.ts';
import { type ModelRow, type QueueModel, type WorkType, workTypes } from './queue-model.ts';
import type { QueueRun } from './queue-run.ts';

type Command = fc.AsyncCommand<QueueModel, QueueRun>;
type Verb = 'START' | 'CANCEL' | 'RETRY' | 'PROGRESS' | 'COMPLETE' | 'FAIL';

/** A command that is named by its arguments when a run fails, and after which model and database have to agree. */
const command =
  <Args extends unknown[]>(name: string, run: (model: QueueModel, real: QueueRun, ...args: Args) => Promise<void>, needsRows = true) =>
  (args: Args): Command => ({
    check: (model) => !needsRows || model.rows.length > 0,
    run: async (model, real) => {
      await run(model, real, ...args);
      await real.expectAgreement(model);
    },
    toString: () => `${name}(${JSON.stringify(args).slice(1, -1)})`,
  });

const anyStore = fc.nat(1);
const anyRow = fc.nat(50);
const anyWorker = fc.constantFrom('w1', 'w2', 'w3');
const leaseMinutes = fc.constantFrom(10.5, 30.5, 120.5);
const anyTypes = fc.subarray([...workTypes], { minLength: 1 });
const msOf = (minutes: number) => minutes * 60_000;

const create = command(
  'create',
  async (model, real, store: number, type: WorkType, priority: number, maxRetries: number, timeoutMinutes: number | null) => {
    const assessmentId = `row-${String(model.rows.length).padStart(3, '0')}`;
    const timeoutMs = timeoutMinutes && msOf(timeoutMinutes);
    await real.store(store).createAssessment({ assessmentId, type, priority, maxRetries, timeoutMs }, real.actor);
    const attempt = { claim: null, startedAt: null, dueAt: null, ready: true, cancelledToken: null, tokens: [] };
    model.rows.push({
      ...attempt,
      ...{ assessmentId, type, maxRetries, timeoutMinutes, state: 'PENDING', version: 1, retryCount: 0, progress: 0 },
    });
  },
  false,
);

const claim = command(
  'claim',
  async (model, real, store: number, workerId: string, types: WorkType[], limit: number, minutes: number) => {
    const candidates = model.claimable(types);
    const input = { workerId, types, limit, leaseMs: msOf(minutes) };
    const claims = await real.store(store).claimAssessments(input, real.actor);
    expect(claims).toHaveLength(Math.min(limit, candidates.length));
    const taken = claims.map(({ assessment }) => candidates.find(({ assessmentId }) => assessmentId === assessment.assessmentId));
    const ranks = taken.map((row) => (row === undefined ? expect.fail('it was not to be had') : real.rank(row)));
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    const left = candidates.filter((row) => !taken.includes(row)).map((row) => real.rank(row));
    expect(Math.max(...ranks)).toBeLessThanOrEqual(Math.min(...left));
    for (const { assessment, claimToken } of claims) {
      const row = taken.find((each) => each?.assessmentId === assessment.assessmentId) ?? expect.fail('claimed twice');
      expect(model.tokens).not.toContain(claimToken);
      model.begin(row, { token: claimToken, workerId, ends: model.now + minutes });
      expectAnswer(assessment, row);
      expect(assessment).toMatchObject({ claimedBy: workerId, requestData: { assessmentId: row.assessmentId } });
    }
  },
  false,
);

const expectAnswer = ({ state, version, retryCount, progress }: Assessment, row: ModelRow) =>
  expect({ state, version, retryCount, progress }).toEqual({
    ...{ state: row.state, version: row.version, retryCount: row.retryCount, progress: row.progress },
  });

/** Does what is to be done, or is refused as the model says; `changed` makes the change in the model. */
async function judged(row: ModelRow, refusal: string | undefined, answer: Promise<Assessment>, changed: () => void): Promise<void> {
  const outcome = await answer.then(
    (assessment) => ({ assessment, code: undefined }),
    (error: unknown) => ({ assessment: undefined, code: String(Object(error).code ?? error) }),
  );
  expect(outcome.code).toBe(refusal);
  if (refusal === undefined) changed();
  if (outcome.assessment !== undefined) expectAnswer(outcome.assessment, row);
}

type Expecting = 'none' | 'right' | 'wrong';
const expecting = fc.constantFrom<Expecting>('none', 'none', 'right', 'wrong');
const versionFor = (row: ModelRow, how: Expecting) => ({ none: null, right: row.version, wrong: row.version + 1 })[how];

const order = command('order', async (model, real, store: number, verb: 'START' | 'CANCEL' | 'RETRY', pick: number, how: Expecting) => {
  const row = model.row(pick);
  const target = { assessmentId: row.assessmentId, expectedVersion: versionFor(row, how) };
  const refusal = model.refusal(row, verb, { expected: target.expectedVersion });
  const to = real.store(store);
  const sent = {
    START: () => to.startProcessing(target, real.actor),
    CANCEL: () => to.cancelAssessment(target, real.actor),
    RETRY: () => to.retryAssessment(target, real.actor),
  }[verb];
  await judged(row, refusal, sent(), () => {
    if (verb === 'START') model.begin(row, null);
    else if (verb === 'CANCEL') model.end(row, 'CANCELLED');
    else model.end(row, 'PENDING', 'at once');
  });
});

type TokenKind = 'right' | 'stale' | 'foreign' | 'missing' | 'invented';

function tokenFor(model: QueueModel, row: ModelRow, kind: TokenKind): string | null {
  switch (kind) {
    case 'right':
      return row.claim?.token ?? null;
    case 'stale':
      return row.tokens.at(-2) ?? row.tokens.at(-1) ?? null;
    case 'foreign':
      return model.rows.find((other) => other !== row && other.claim !== null)?.claim?.token ?? randomUUID();
    case 'missing':
      return null;
    case 'invented':
      return randomUUID();
    default:
      return kind satisfies never;
  }
}

type Report = { verb: Exclude<Verb, 'START' | 'CANCEL' | 'RETRY'>; progress: number; retryable: boolean };

const report = command('report', async (model, real, store: number, pick: number, report: Report, kind: TokenKind, how: Expecting) => {
  const { verb, progress, retryable } = report;
  const row = model.row(pick);
  const claimToken = tokenFor(model, row, kind);
  const target = { assessmentId: row.assessmentId, expectedVersion: versionFor(row, how), claimToken };
  const refusal = model.refusal(row, verb, { token: claimToken, expected: target.expectedVersion, progress });
  const to = real.store(store);
  const sent = {
    PROGRESS: () => to.updateProgress({ ...target, progress }, real.actor),
    COMPLETE: () => to.completeAssessment({ ...target, result: { progress } }, real.actor),
    FAIL: () => to.failAssessment({ ...target, error: 'it failed', retryable }, real.actor),
  }[verb];
  await judged(row, refusal, sent(), () => {
    if (verb === 'COMPLETE') model.end(row, 'COMPLETED');
    else if (verb === 'FAIL') model.fail(row, retryable);
    else if (progress !== row.progress) Object.assign(row, { progress, version: row.version + 1 });
  });
  if (refusal === undefined && verb === 'FAIL') await real.reschedule([row]);
});

const heartbeat = command('heartbeat', async (model, real, store: number, workerId: string, minutes: number) => {
  const claimTokens = [randomUUID(), ...model.tokens];
  const results = await real.store(store).heartbeat({ workerId, claimTokens, leaseMs: msOf(minutes) }, real.actor);
  const expected = claimTokens.map((claimToken) => {
    const row = model.rows.find(({ tokens }) => tokens.includes(claimToken));
    const held = row !== undefined && model.isHeldBy(row, claimToken) && row.claim?.workerId === workerId;
    if (held && row.claim !== null) row.claim.ends = Math.max(row.claim.ends, model.now + minutes);
    return { claimToken, held, cancelled: row?.cancelledToken === claimToken, hasEnd: held };
  });
  expect(results.map(({ expiresAt, ...rest }) => ({ ...rest, hasEnd: expiresAt !== null }))).toEqual(expected);
});

const release = command('release', async (model, real, store: number, workerId: string, everySoMany: number) => {
  const claimTokens = [...model.tokens.filter((_, index) => index % everySoMany === 0), randomUUID()];
  const results = await real.store(store).releaseAssessments({ workerId, claimTokens, reason: 'model' }, real.actor);
  const expected = claimTokens.map((claimToken) => {
    const row = model.rows.find((each) => model.isHeldBy(each, claimToken) && each.claim?.workerId === workerId);
    if (row !== undefined) model.end(row, 'PENDING');
    return { claimToken, released: row !== undefined };
  });
  expect(results).toEqual(expected);
});

const expire = command('expireClaims', async (model, real, store: number) => {
  const overdue = model.overdue();
  expect(await real.store(store).maintenance.expireClaims()).toBe(overdue.length);
  for (const row of overdue) model.fail(row, true);
  await real.reschedule(overdue);
});

const makeReady = command('readyRetries', async (model, real, store: number) => {
  const due = model.dueRetries();
  expect(await real.store(store).maintenance.readyRetries()).toBe(due.length);
  for (const row of due) row.ready = true;
});

const jump = command('jump', async (model, real, minutes: number) => {
  await letMinutesPass(real.psql, real.actor.tenantId, minutes);
  model.now += minutes;
});

const anyReport = fc.record<Report>({
  verb: fc.constantFrom('PROGRESS', 'COMPLETE', 'FAIL', 'FAIL'),
  progress: fc.constantFrom(0, 1, 50, 100),
  retryable: fc.boolean(),
});
const anyToken = fc.constantFrom<TokenKind>('right', 'right', 'right', 'stale', 'foreign', 'missing', 'invented');

/** Every command that the queue knows, with whatever arguments. */
export const queueCommands: fc.Arbitrary<Command>[] = [
  // More often than claims, so that they have something to choose from.
  ...[1, 2, 3].map(() =>
    fc
      .tuple(anyStore, fc.constantFrom(...workTypes), fc.integer({ min: 1, max: 10 }), fc.nat(2), fc.constantFrom(null, null, 15.25, 90.25))
      .map(create),
  ),
  fc.tuple(anyStore, anyWorker, anyTypes, fc.integer({ min: 1, max: 4 }), leaseMinutes).map(claim),
  fc.tuple(anyStore, fc.constantFrom('START', 'CANCEL', 'RETRY'), anyRow, expecting).map(order),
  fc.tuple(anyStore, anyRow, anyReport, anyToken, expecting).map(report),
  fc.tuple(anyStore, anyRow, anyReport, anyToken, expecting).map(report),
  fc.tuple(anyStore, anyWorker, leaseMinutes).map(heartbeat),
  fc.tuple(anyStore, anyWorker, fc.integer({ min: 1, max: 3 })).map(release),
  fc.tuple(anyStore).map(expire),
  fc.tuple(anyStore).map(makeReady),
  fc.tuple(fc.constantFrom(7, 20, 61)).map(jump),
];
