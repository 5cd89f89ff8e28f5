import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore, UnavailableError } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
});
afterAll(() => setup.stop());

const neighbours = Array.from({ length: 50 }, (_, index) => index);

/** An operator's transaction that holds what `sql` touches until `end` is called. */
async function operatorHolds(sql: string, ...values: unknown[]): Promise<{ end: (how: 'commit' | 'rollback') => Promise<unknown> }> {
  const operator = await setup.database.connect();
  await operator.query('begin');
  await operator.query(sql, values);
  return { end: (how) => operator.query(how) };
}

const lock = 'select * from assessment_states where assessment_id = $1 for update';

async function processing(assessmentId: string): Promise<void> {
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  await setup.store.startProcessing({ assessmentId }, actor);
}

describe('while an operator holds a row locked', () => {
  test('the commands on other rows are answered, and the one on the held row follows as soon as the operator is done', async () => {
    await Promise.all(['held', ...neighbours.map((index) => `neighbour ${index}`)].map(processing));
    const operator = await operatorHolds(lock, 'held');
    let heldIsDone = false;
    const held = setup.store.completeAssessment({ assessmentId: 'held', result: {} }, actor).finally(() => {
      heldIsDone = true;
    });
    const others = neighbours.map((index) => setup.store.completeAssessment({ assessmentId: `neighbour ${index}`, result: {} }, actor));
    await Promise.all(others);
    expect(heldIsDone).toBe(false);
    await operator.end('commit');
    await expect(held).resolves.toMatchObject({ state: 'COMPLETED', version: 3 });
  });

  test('what the operator commits meanwhile decides', async () => {
    await processing('taken over');
    const operator = await operatorHolds(`update assessment_states set state = 'cancelled' where assessment_id = $1`, 'taken over');
    const late = setup.store.completeAssessment({ assessmentId: 'taken over', result: {} }, actor);
    const elsewhere = setup.store.createAssessment({ assessmentId: 'elsewhere', type: 'HEALTH' }, actor);
    await expect(elsewhere).resolves.toMatchObject({ created: true });
    await operator.end('commit');
    await expect(late).rejects.toMatchObject({ code: 'INVALID_TRANSITION', from: 'CANCELLED' });
  });

  test('a caller is told after the patience that was configured, and nothing was changed', async () => {
    const impatient = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), lockPatienceMs: 50 });
    await processing('held long');
    const operator = await operatorHolds(lock, 'held long');
    const error = await refusalOf(impatient.cancelAssessment({ assessmentId: 'held long' }, actor));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'TIMEOUT', retryAfterMs: expect.any(Number) });
    await operator.end('rollback');
    await expect(impatient.cancelAssessment({ assessmentId: 'held long' }, actor)).resolves.toMatchObject({
      state: 'CANCELLED',
      version: 3,
    });
    await impatient.stop();
  });

  test('nobody who reads has to wait', async () => {
    await processing('read');
    const operator = await operatorHolds(lock, 'read');
    await expect(setup.store.getState('read', actor)).resolves.toMatchObject({ state: 'PROCESSING' });
    await operator.end('rollback');
  });
});

describe('while an operator is about to insert the same key', () => {
  const insert = `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash)
    values (gen_random_uuid(), $1, 'health', 'api', '{}', '')`;

  test('the creations that arrived together with it are answered, and the one itself after the operator has decided', async () => {
    const operator = await operatorHolds(insert, 'being inserted');
    const create = (assessmentId: string) => setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    let sameIsDone = false;
    const same = create('being inserted').finally(() => {
      sameIsDone = true;
    });
    same.catch(() => {}); // its outcome is looked at below
    const others = Promise.all(neighbours.map((index) => create(`created beside ${index}`)));
    const giveUp = setTimeout(() => void operator.end('rollback'), 5_000);
    await others;
    expect(sameIsDone).toBe(false);
    clearTimeout(giveUp);
    await operator.end('rollback');
    await expect(same).resolves.toMatchObject({ created: true });
  });
});
