import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentUpdate, InvalidInputError, isDatabaseAway, openStore, UnavailableError } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { bringTo, census, codesOf, createAll, keysOf } from '../support/batches.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
});
afterAll(async () => {
  const flaws = await findAuditFlaws(await setup.database.connect());
  await setup.stop();
  expect(flaws).toEqual([]);
});

async function processing(prefix: string, count: number): Promise<string[]> {
  const keys = keysOf(prefix, count);
  await createAll(setup.store, keys);
  await bringTo(await setup.database.connect(), keys, 'processing');
  return keys;
}

/** The updates of an assessment from now to its end; in a list, so that waiting for the watch is not waiting for its end. */
async function updatesOf(assessmentId: string): Promise<Promise<AssessmentUpdate[]>[]> {
  const watch = await setup.store.watchAssessment({ assessmentId }, actor);
  const collect = async () => {
    const updates: AssessmentUpdate[] = [];
    for await (const update of watch) updates.push(update);
    return updates;
  };
  return [collect()];
}

const forItsSake = (index: number, code: string) => ({
  code: 'INVALID_INPUT',
  message: expect.stringMatching(new RegExp(`nothing was changed.* item ${index} .* ${code}$`)),
  fields: [{ path: [], message: expect.any(String) }],
});

describe('when an item is refused', () => {
  test('nothing is created, and every other item is told for whose sake', async () => {
    await createAll(setup.store, ['taken']);
    const assessments = keysOf('none', 1_200).map((assessmentId) => ({ assessmentId, type: 'HEALTH' as const }));
    const results = await setup.store.batchCreateAssessments(
      { assessments: [...assessments, { assessmentId: 'taken', type: 'SECURITY' }], atomic: true },
      actor,
    );
    expect(results.at(-1)).toMatchObject({ code: 'ALREADY_EXISTS' });
    for (const result of results.slice(0, -1)) expect(result).toBeInstanceOf(InvalidInputError);
    expect(results[0]).toMatchObject(forItsSake(1_200, 'ALREADY_EXISTS'));
    expect(await census(await setup.database.connect(), 'none')).toEqual({ states: {}, audited: 0 });
  });

  test('a bad item is found before anything is sent', async () => {
    setup.statements.length = 0;
    const results = await setup.store.batchUpdateProgress(
      { updates: [{ assessmentId: 'x', progress: 1 }, { assessmentId: 'x', progress: -1 }, null as never], atomic: true },
      actor,
    );
    expect(results[0]).toMatchObject(forItsSake(1, 'INVALID_INPUT'));
    expect((results[1] as InvalidInputError).fields.map(({ path }) => path)).toEqual([['progress']]);
    expect((results[2] as InvalidInputError).fields.map(({ path }) => path)).toEqual([[]]);
    expect(setup.statements).toEqual([]);
  });

  test('no row, no audit trail and no subscriber has seen any of it; each refused item says why', async () => {
    const keys = await processing('undone', 1_200);
    const [watched = '', cancelled = ''] = keys;
    await setup.store.cancelAssessment({ assessmentId: cancelled }, actor);
    const psql = await setup.database.connect();
    const before = await census(psql, 'undone');
    const [updates] = await updatesOf(watched);
    const completions = [...keys, 'nobody'].map((assessmentId) => ({ assessmentId, result: {} }));
    const results = await setup.store.batchCompleteAssessments({ completions, atomic: true }, actor);
    expect(results[0]).toMatchObject(forItsSake(1, 'INVALID_TRANSITION'));
    expect(results[1]).toMatchObject({ code: 'INVALID_TRANSITION', from: 'CANCELLED' });
    expect(results[1_200]).toMatchObject({ code: 'NOT_FOUND', assessmentId: 'nobody' });
    expect(await census(psql, 'undone')).toEqual(before);
    await setup.store.failAssessment({ assessmentId: watched, error: 'the end' }, actor);
    expect((await updates)?.map(({ kind, assessment }) => `${kind} ${assessment.version}`)).toEqual(['SNAPSHOT 2', 'FAILED 3']);
  });

  test('a later item on the same assessment is judged after the earlier ones', async () => {
    const [assessmentId = ''] = await processing('later', 1);
    const updates = [10, 20, 15].map((progress) => ({ assessmentId, progress }));
    const results = await setup.store.batchUpdateProgress({ updates, atomic: true }, actor);
    expect(codesOf(results)).toEqual(['INVALID_INPUT', 'INVALID_INPUT', 'INVALID_INPUT']);
    expect(results[2]).toMatchObject({ fields: [{ path: ['progress'], message: expect.stringContaining('20') }] });
    expect(await setup.store.getState(assessmentId, actor)).toMatchObject({ progress: 0, version: 2 });
  });

  test('a value that only the database refuses is found among the others', async () => {
    const keys = await processing('poison', 1_100);
    const psql = await setup.database.connect();
    await psql.query(`alter table assessment_states add constraint poisoned check (message <> 'poison')`);
    const culprits = [0, 777, 1_099];
    const updates = keys.map((assessmentId, index) => ({
      assessmentId,
      progress: 1,
      message: culprits.includes(index) ? 'poison' : 'fine',
    }));
    const results = await setup.store.batchUpdateProgress({ updates, atomic: true }, actor);
    for (const index of culprits) expect(results[index]).toMatchObject({ message: expect.stringMatching(/poisoned.*23514/) });
    expect(results[1]).toMatchObject(forItsSake(0, 'INVALID_INPUT'));
    expect(await census(psql, 'poison')).toMatchObject({ states: { 'processing 2': 1_100 } });
    await psql.query('alter table assessment_states drop constraint poisoned');
  });
});

test('subscribers are told of what was committed, in the order of the versions', async () => {
  const [assessmentId = ''] = await processing('told', 1);
  const [updates] = await updatesOf(assessmentId);
  await setup.store.batchUpdateProgress({ updates: [1, 2, 3].map((progress) => ({ assessmentId, progress })), atomic: true }, actor);
  await setup.store.batchCompleteAssessments({ completions: [{ assessmentId, result: {} }], atomic: true }, actor);
  const versions = (await updates)?.map(({ assessment }) => assessment.version) ?? [];
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
  expect((await updates)?.at(-1)).toMatchObject({ kind: 'COMPLETED', assessment: { version: 6 } });
});

describe('while somebody else holds one of its rows', () => {
  test('it waits without holding the others, and goes on when the row is free', async () => {
    const keys = await processing('waits', 600);
    const psql = await setup.database.connect();
    await psql.query('begin');
    await psql.query('select from assessment_states where assessment_id = $1 for update', [keys[300]]);
    const batch = setup.store.batchCompleteAssessments(
      { completions: keys.map((assessmentId) => ({ assessmentId, result: {} })), atomic: true },
      actor,
    );
    await expect(setup.store.updateProgress({ assessmentId: keys[0] as string, progress: 5 }, actor)).resolves.toMatchObject({
      progress: 5,
    });
    await psql.query('commit');
    expect(codesOf(await batch)).toEqual(keys.map(() => 'OK'));
  });

  test('it gives up after the patience of one command, and has changed nothing', async () => {
    const impatient = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), lockPatienceMs: 50 });
    const keys = await processing('gives up', 600);
    const psql = await setup.database.connect();
    await psql.query('begin');
    await psql.query('select from assessment_states where assessment_id = $1 for update', [keys.at(-1)]);
    const completions = keys.map((assessmentId) => ({ assessmentId, result: {} }));
    const error = await refusalOf(impatient.batchCompleteAssessments({ completions, atomic: true }, actor));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('nothing was changed') });
    await psql.query('rollback');
    await impatient.stop();
    expect(await census(psql, 'gives up')).toMatchObject({ states: { 'processing 2': 600 } });
  });
});

describe('when its connection breaks in the middle', () => {
  const kill = (statement: string) => `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%${statement}%' and pid <> pg_backend_pid()`;

  test('nothing was created', async () => {
    const keys = keysOf('broken', 1_300);
    const psql = await setup.database.connect();
    await psql.query('begin');
    // The last key is about to be inserted by somebody else: the batch stands still in its last statement.
    await psql.query(
      `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash) values (gen_random_uuid(), $1, 'health', 'api', '{}', '')`,
      [keys.at(-1)],
    );
    const assessments = keys.map((assessmentId) => ({ assessmentId, type: 'HEALTH' as const }));
    const error = refusalOf(setup.store.batchCreateAssessments({ assessments, atomic: true }, actor));
    const killer = await setup.database.connect();
    await eventually('its connection is killed', async () => (await killer.query(kill('createAssessments'))).rowCount);
    expect(isDatabaseAway(await error)).toBe(true);
    await psql.query('rollback');
    expect(await census(psql, 'broken')).toEqual({ states: {}, audited: 0 });
    expect(codesOf(await setup.store.batchCreateAssessments({ assessments, atomic: true }, actor))).toEqual(keys.map(() => 'OK'));
  });

  test('nothing was completed', async () => {
    const keys = await processing('torn', 1_300);
    const psql = await setup.database.connect();
    // Stands still in its last statement, as long as somebody holds this lock.
    await psql.query(`create function stand_still() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock(99); return new; end $$`);
    await psql.query(`create trigger stand_still before update on assessment_states for each row
      when (new.assessment_id = '${keys.at(-1)}') execute function stand_still()`);
    await psql.query('select pg_advisory_lock(99)');
    const completions = keys.map((assessmentId) => ({ assessmentId, result: {} }));
    const error = refusalOf(setup.store.batchCompleteAssessments({ completions, atomic: true }, actor));
    const killer = await setup.database.connect();
    await eventually('its connection is killed', async () => (await killer.query(kill('transitionAssessments'))).rowCount);
    expect(isDatabaseAway(await error)).toBe(true);
    await psql.query('select pg_advisory_unlock(99)');
    await psql.query('drop trigger stand_still on assessment_states');
    expect(await census(psql, 'torn')).toEqual({ states: { 'processing 2': 1_300 }, audited: 2_600 });
  });
});

test('many at once leave connections for the commands of others', async () => {
  const small = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), poolSize: 3 });
  const batches = Array.from({ length: 8 }, (_, number) => {
    const assessments = keysOf(`at once ${number}`, 600).map((assessmentId) => ({ assessmentId, type: 'HEALTH' as const }));
    return small.batchCreateAssessments({ assessments, atomic: true }, actor);
  });
  let batchesAreDone = false;
  const all = Promise.all(batches).finally(() => {
    batchesAreDone = true;
  });
  await small.createAssessment({ assessmentId: 'beside', type: 'HEALTH' }, actor);
  expect(batchesAreDone).toBe(false);
  expect(new Set((await all).flatMap(codesOf))).toEqual(new Set(['OK']));
  await small.stop();
});
