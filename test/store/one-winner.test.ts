import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Assessment, type AssessmentStore, InvalidTransitionError, openStore, VersionConflictError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { settle } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let second: AssessmentStore;
beforeAll(async () => {
  setup = await startTestStore();
  second = await openStore({ databaseUrl: setup.database.url, log: new TestLog() });
});
afterAll(async () => {
  await second.stop();
  await setup.stop();
});

const callers = 100;

/** A hundred callers end the same assessment at once, in three ways, each call going to the next of the stores. */
function endAtOnce(stores: readonly AssessmentStore[], assessmentId: string, expectedVersion?: number): Promise<Assessment>[] {
  return Array.from({ length: callers }, (_, index) => {
    const store = stores[index % stores.length] ?? setup.store;
    const subject = `caller ${index}`;
    const target = { assessmentId, expectedVersion };
    const ways = [
      () => store.completeAssessment({ ...target, result: { by: subject } }, { ...actor, subject }),
      () => store.failAssessment({ ...target, error: subject }, { ...actor, subject }),
      () => store.cancelAssessment({ ...target, reason: subject }, { ...actor, subject }),
    ] as const;
    return ways[(index % 3) as 0 | 1 | 2]();
  });
}

async function processing(assessmentId: string): Promise<Assessment> {
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  return setup.store.startProcessing({ assessmentId }, actor);
}

async function trailOf(assessmentId: string) {
  const { items } = await setup.store.auditTrail(assessmentId, {}, actor);
  return items.map(({ node: { oldState, newState, versionFrom, versionTo } }) => ({ oldState, newState, versionFrom, versionTo }));
}

const trailTo = (end: string) => [
  { oldState: null, newState: 'PENDING', versionFrom: null, versionTo: 1 },
  { oldState: 'PENDING', newState: 'PROCESSING', versionFrom: 1, versionTo: 2 },
  { oldState: 'PROCESSING', newState: end, versionFrom: 2, versionTo: 3 },
];

describe.each([
  ['one store', () => [setup.store]],
  ['two stores on one database', () => [setup.store, second]],
])('100 callers end one assessment at once, over %s', (name, storesOf) => {
  const rounds = [0, 1];

  test.each(rounds)('exactly one wins, the others are told the state that won (round %i)', async (round) => {
    const assessmentId = `${name} ${round}`;
    await processing(assessmentId);
    const { answers, errors } = await settle(endAtOnce(storesOf(), assessmentId));
    expect(answers).toHaveLength(1);
    expect(errors).toHaveLength(callers - 1);
    const [winner] = answers;
    for (const error of errors) {
      expect(error).toBeInstanceOf(InvalidTransitionError);
      expect(error).toMatchObject({ from: winner?.state, assessment: { state: winner?.state, version: 3 } });
    }
    const now = await setup.store.getState(assessmentId, actor);
    expect(now).toMatchObject({ ...winner });
    expect(await trailOf(assessmentId)).toEqual(trailTo(now.state));
  });

  test.each(rounds)(
    'with the version they expect: one wins, the others get a conflict with the assessment as it is (round %i)',
    async (round) => {
      const assessmentId = `${name} versioned ${round}`;
      const { version } = await processing(assessmentId);
      const { answers, errors } = await settle(endAtOnce(storesOf(), assessmentId, version));
      expect(answers).toHaveLength(1);
      const [winner] = answers;
      expect(errors).toHaveLength(callers - 1);
      for (const error of errors) {
        expect(error).toBeInstanceOf(VersionConflictError);
        expect(error).toMatchObject({ code: 'VERSION_CONFLICT', expectedVersion: 2, assessment: { ...winner } });
      }
      expect(await trailOf(assessmentId)).toEqual(trailTo(winner?.state ?? ''));
    },
  );
});

test('a hundred starts of one PENDING assessment: one wins', async () => {
  await setup.store.createAssessment({ assessmentId: 'start', type: 'HEALTH' }, actor);
  const stores = [setup.store, second];
  const starts = Array.from({ length: callers }, (_, index) =>
    (stores[index % 2] ?? second).startProcessing({ assessmentId: 'start' }, actor),
  );
  const { answers, errors } = await settle(starts);
  expect(answers).toHaveLength(1);
  expect(errors.filter((error) => error instanceof InvalidTransitionError && error.from === 'PROCESSING')).toHaveLength(callers - 1);
});

test('after all of it the audit trail has no gap and no fork anywhere', async () => {
  expect(await findAuditFlaws(await setup.database.connect())).toEqual([]);
});
