import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore();
  psql = await setup.database.connect();
});
afterAll(() => setup.stop());

async function assessmentIn(state: 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'CANCELLED', assessmentId: string) {
  const { store } = setup;
  await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  if (state === 'CANCELLED') await store.cancelAssessment({ assessmentId }, actor);
  if (['PROCESSING', 'COMPLETED', 'FAILED'].includes(state)) await store.startProcessing({ assessmentId }, actor);
  if (state === 'COMPLETED') await store.completeAssessment({ assessmentId, result: { score: 1 } }, actor);
  if (state === 'FAILED') await store.failAssessment({ assessmentId, error: 'x' }, actor);
}

/** A read by a request of its own; gives the state, and what it cost. */
async function read(assessmentId: string) {
  setup.statements.length = 0;
  const assessment = await setup.store.loaders(actor).assessment.load(assessmentId);
  return { state: assessment?.state, statements: setup.statements.length };
}

describe('what can no longer change', () => {
  test.each(['COMPLETED', 'CANCELLED'] as const)('is read without a statement: %s', async (state) => {
    await assessmentIn(state, state);
    expect(await read(state)).toEqual({ state, statements: 0 });
  });

  test('is read without a statement from the second time on when somebody else brought it to its end', async () => {
    await assessmentIn('PROCESSING', 'by psql');
    await psql.query(`update assessment_states set state = 'completed' where assessment_id = 'by psql'`);
    expect(await read('by psql')).toEqual({ state: 'COMPLETED', statements: 1 });
    expect(await read('by psql')).toEqual({ state: 'COMPLETED', statements: 0 });
  });

  test('is the same from memory as from the database', async () => {
    await assessmentIn('COMPLETED', 'same');
    const fresh = (await setup.store.listAssessments({ where: { assessmentId: { eq: 'same' } } }, actor)).items[0]?.node;
    expect(await setup.store.loaders(actor).assessment.load('same')).toEqual(fresh);
    expect(await setup.store.getState('same', actor)).toMatchObject({ ...fresh, resultData: { score: 1 } });
  });

  test('ends a wait without a statement', async () => {
    await assessmentIn('COMPLETED', 'waited');
    setup.statements.length = 0;
    const { assessment } = await setup.store.waitForCompletion({ assessmentId: 'waited' }, actor);
    expect(assessment.state).toBe('COMPLETED');
    expect(setup.statements).toEqual([]);
  });
});

describe('what may still change', () => {
  test.each([
    ['PENDING', 'cancelled', 'CANCELLED'],
    ['PROCESSING', 'completed', 'COMPLETED'],
    ['FAILED', 'pending', 'PENDING'],
  ] as const)('is always read anew: %s', async (state, next, after) => {
    await assessmentIn(state, `changing ${state}`);
    expect(await read(`changing ${state}`)).toEqual({ state, statements: 1 });
    expect(await read(`changing ${state}`)).toEqual({ state, statements: 1 });
    await psql.query('update assessment_states set state = $1 where assessment_id = $2', [next, `changing ${state}`]);
    expect((await read(`changing ${state}`)).state).toBe(after);
  });

  test('and what is not there is not remembered as missing', async () => {
    expect(await read('not yet')).toMatchObject({ state: undefined });
    await assessmentIn('PENDING', 'not yet');
    expect(await read('not yet')).toMatchObject({ state: 'PENDING' });
  });
});

test('a key that was deleted and created again gives the new assessment', async () => {
  const { store } = setup;
  for (const round of [1, 2, 3]) {
    const { assessment } = await store.createAssessment({ assessmentId: 'reborn', type: 'HEALTH', metadata: { round } }, actor);
    expect(await store.getState('reborn', actor)).toMatchObject({
      id: assessment.id,
      state: 'PENDING',
      requestData: { metadata: { round } },
    });
    await store.cancelAssessment({ assessmentId: 'reborn' }, actor);
    expect(await read('reborn')).toEqual({ state: 'CANCELLED', statements: 0 });
    await psql.query(`delete from assessment_states where assessment_id = 'reborn'`);
  }
});

test('what one tenant has read is not there for another', async () => {
  await assessmentIn('COMPLETED', 'private');
  expect(await setup.store.loaders({ tenantId: 'stranger', subject: 'x' }).assessment.load('private')).toBeNull();
});

test('a state and its result belong together, also while the assessment is just being completed', async () => {
  const { store } = setup;
  for (let round = 0; round < 60; round++) {
    const assessmentId = `torn ${round}`;
    await assessmentIn('PROCESSING', assessmentId);
    const reads = Array.from({ length: 8 }, () => store.getState(assessmentId, actor));
    const completed = store.completeAssessment({ assessmentId, result: { score: 1 } }, actor);
    for (const { state, resultData } of await Promise.all(reads)) {
      expect({ state, result: resultData !== null }).toEqual({ state, result: state === 'COMPLETED' });
    }
    await completed;
  }
});
