import { afterAll, beforeAll, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
  const psql = await setup.database.connect();
  await psql.query(`alter table assessment_states
    add constraint poisoned_server check (server_name <> 'poison'),
    add constraint poisoned_result check (not result_data @> '{"poison": true}'),
    add constraint poisoned_message check (message <> 'poison')`);
});
afterAll(() => setup.stop());

const poisoned = new Set([0, 1, 77, 100, 198, 199]);
const numbers = Array.from({ length: 200 }, (_, index) => index);

/** What 200 commands, given at once, were answered with: their numbers. */
async function outcomesOf(command: (index: number) => Promise<unknown>): Promise<{ done: number[]; refused: number[]; errors: unknown[] }> {
  const outcomes = await Promise.allSettled(numbers.map(command));
  return {
    done: numbers.filter((index) => outcomes[index]?.status === 'fulfilled'),
    refused: numbers.filter((index) => outcomes[index]?.status === 'rejected'),
    errors: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : [])),
  };
}

const healthy = numbers.filter((index) => !poisoned.has(index));
const states = async (prefix: string) => {
  const { items } = await setup.store.listAssessments({ where: { assessmentId: { startsWith: prefix } }, first: 1 }, actor);
  const psql = await setup.database.connect();
  const { rows } = await psql.query(
    'select state, count(*)::int as many from assessment_states where starts_with(assessment_id, $1) group by state order by state',
    [prefix],
  );
  expect(items).toHaveLength(1);
  return rows;
};

test('of 200 creations at once only those that the database refuses are refused, and no statement is lost on the others', async () => {
  setup.statements.length = 0;
  const { done, refused, errors } = await outcomesOf((index) =>
    setup.store.createAssessment(
      { assessmentId: `create ${index}`, type: 'HEALTH', serverName: poisoned.has(index) ? 'poison' : 'web-1' },
      actor,
    ),
  );
  expect(refused).toEqual([...poisoned]);
  expect(done).toEqual(healthy);
  for (const error of errors) {
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ message: expect.stringMatching(/poisoned_server.*\(SQLSTATE 23514\)/) });
  }
  expect(await states('create ')).toEqual([{ state: 'pending', many: healthy.length }]);
  expect(setup.statements.filter((sql) => sql.includes('createAssessments')).length).toBeLessThan(80);
});

test('of 200 results at once only those that the database refuses are refused; their assessments stay as they were', async () => {
  await Promise.all(numbers.map((index) => setup.store.createAssessment({ assessmentId: `result ${index}`, type: 'HEALTH' }, actor)));
  await Promise.all(numbers.map((index) => setup.store.startProcessing({ assessmentId: `result ${index}` }, actor)));
  const { done, refused, errors } = await outcomesOf((index) =>
    setup.store.completeAssessment({ assessmentId: `result ${index}`, result: { index, poison: poisoned.has(index) } }, actor),
  );
  expect(refused).toEqual([...poisoned]);
  expect(done).toEqual(healthy);
  for (const error of errors) expect(error).toBeInstanceOf(InvalidInputError);
  expect(await states('result ')).toEqual([
    { state: 'processing', many: poisoned.size },
    { state: 'completed', many: healthy.length },
  ]);
});

test('a batch of different commands is narrowed down just so', async () => {
  const { done, refused } = await outcomesOf(async (index) => {
    const assessmentId = `mixed ${index}`;
    await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    await setup.store.startProcessing({ assessmentId }, actor);
    if (poisoned.has(index)) return setup.store.updateProgress({ assessmentId, progress: 1, message: 'poison' }, actor);
    return index % 2 === 0
      ? setup.store.failAssessment({ assessmentId, error: 'poison' }, actor)
      : setup.store.cancelAssessment({ assessmentId, reason: 'poison' }, actor);
  });
  expect(refused).toEqual([...poisoned]);
  expect(done).toEqual(healthy);
});

test('the caller who was refused can go on, and nothing was audited of what was refused', async () => {
  await setup.store.completeAssessment({ assessmentId: 'result 77', result: {} }, actor);
  expect(await findAuditFlaws(await setup.database.connect())).toEqual([]);
});

test('the service warns its operators of a value that its own checks let pass', () => {
  expect(setup.log.lines.filter(({ level }) => level === 'warn').length).toBeGreaterThanOrEqual(3 * poisoned.size);
});
