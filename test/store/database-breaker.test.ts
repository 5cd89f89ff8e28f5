import { afterAll, beforeAll, expect, test } from 'vitest';
import { DatabaseGuard } from '../../src/store/database-guard.ts';
import { type AssessmentStore, isDatabaseAway, isNotSent, openStore } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import { actor } from '../support/test-store.ts';

let database: TestDatabase;
let proxy: TcpProxy;
let store: AssessmentStore;
const log = new TestLog();
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await TcpProxy.before(database.url);
  store = await openStore({ databaseUrl: proxy.through(database.url), log, poolSize: 4, reconcileMs: 200, statementTimeoutMs: 500 });
});
afterAll(async () => {
  await proxy.restore();
  await store.stop();
  await proxy.stop();
  await database.drop();
});

const list = () => store.listAssessments({}, actor);
const stateOfBreaker = () => store.breakers.find(({ name }) => name === 'database')?.state;
const becomesOpen = () =>
  eventually('the breaker is open', async () => {
    const error = await list().catch((thrown: unknown) => thrown);
    return isNotSent(error) && stateOfBreaker() === 'open';
  });
const isBack = () =>
  eventually('it has healed', async () => {
    await list().catch(() => {});
    return stateOfBreaker() === 'closed';
  });

test('a database that is gone is noticed once, tried by one statement now and then, and used again as soon as it is back', async () => {
  await isBack();
  await proxy.cut();
  await becomesOpen();
  const outcomes = await Promise.allSettled(Array.from({ length: 1_000 }, list));
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  expect(errors.every(isDatabaseAway)).toBe(true);
  expect(errors).toHaveLength(1_000);
  expect(errors.filter(isNotSent).length).toBeGreaterThanOrEqual(995);
  await proxy.restore();
  await isBack();
  const lines = log.lines.filter(({ message }) => /^the database (cannot be reached|is back)/.test(message));
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
});

test('one that is gone behind something that takes the connections is noticed too', async () => {
  await isBack();
  proxy.aim('postgresql://nobody@127.0.0.1:1/none');
  const psql = await database.connect();
  await psql.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()');
  await becomesOpen();
  proxy.aim(database.url);
  await isBack();
});

test('one that takes connections and answers nothing: nobody waits for it once that is known, and it heals', async () => {
  await isBack();
  proxy.fallSilent();
  await becomesOpen();
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => list().catch((error: unknown) => error)));
  expect(outcomes.filter(isNotSent).length).toBeGreaterThanOrEqual(99); // one may be the statement that tries it
  await proxy.restore();
  await isBack();
}, 60_000);

test('who waits for work or for an end when it goes, stays, and has it when it is back', async () => {
  await isBack();
  await store.createAssessment({ assessmentId: 'awaited', type: 'HEALTH' }, actor);
  let waits = false;
  const wait = store.waitForCompletion({ assessmentId: 'awaited', timeoutMs: 60_000 }, actor, undefined, () => {
    waits = true;
  });
  const polls = ['a', 'b'].map((workerId) => store.claimAssessments({ workerId, types: ['SECURITY'], waitMs: 60_000 }, actor));
  await eventually('all wait', () => waits && store.workersWaiting === 2);
  await proxy.cut();
  const before = log.lines.length;
  const ticks = () => log.lines.slice(before).filter(({ message }) => /could not be compared/.test(message)).length;
  await eventually('all has been looked after in vain, some times', () => ticks() >= 4);
  expect(store.watching).toBe(1);
  await proxy.restore();
  await isBack();
  await store.cancelAssessment({ assessmentId: 'awaited' }, actor);
  expect((await wait).assessment.state).toBe('CANCELLED');
  for (const assessmentId of ['work-a', 'work-b']) await store.createAssessment({ assessmentId, type: 'SECURITY' }, actor);
  const claims = (await Promise.all(polls)).flat();
  expect(claims.map(({ assessment }) => assessment.assessmentId).toSorted()).toEqual(['work-a', 'work-b']);
});

test('connections that are cut, to a server that takes new ones, are no reason to refuse anything', async () => {
  await isBack();
  const statesSeen = new Set<unknown>();
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 8 }, list));
    const psql = await database.connect();
    await psql.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await Promise.allSettled(Array.from({ length: 8 }, list));
    statesSeen.add(stateOfBreaker());
  }
  expect([...statesSeen]).toEqual(['closed']);
});

test('a database that answers that a statement took too long is not away', async () => {
  await isBack();
  const psql = await database.connect();
  await psql.query('begin');
  await psql.query('lock table assessment_states in access exclusive mode');
  const slow = Array.from({ length: 4 }, () => list().catch((error: unknown) => error));
  expect((await Promise.all(slow)).filter(isNotSent)).toEqual([]); // ended by their own time limit
  await psql.query('rollback');
  await list();
  expect(stateOfBreaker()).toBe('closed');
});

test('atomic batches hold their connections no longer than they last', async () => {
  await isBack();
  const batch = (number: number) => ({
    assessments: Array.from({ length: 50 }, (_, index) => ({ assessmentId: `batch-${number}-${index}`, type: 'HEALTH' as const })),
    atomic: true,
  });
  const results = await Promise.all(Array.from({ length: 12 }, (_, number) => store.batchCreateAssessments(batch(number), actor)));
  expect(results.flat().filter((result) => result instanceof Error)).toEqual([]);
  const refused = { assessments: [{ assessmentId: 'batch-0-0', type: 'SECURITY' as const }], atomic: true };
  for (let round = 0; round < 8; round++) expect((await store.batchCreateAssessments(refused, actor))[0]).toBeInstanceOf(Error);
  await list();
});

test('who waits for a connection is sent in turn, and refused when that takes too long; what was refused is never sent', async () => {
  const guard = new DatabaseGuard({ connections: 1, patienceMs: 50 });
  const sent: string[] = [];
  let answer = (): void => {};
  const send = (name: string, answered: Promise<void> = Promise.resolve()) =>
    guard.run(async () => {
      sent.push(name);
      await answered;
      return name;
    });
  const first = send(
    'first',
    new Promise((resolve) => {
      answer = resolve;
    }),
  );
  const impatient = send('impatient').catch((error: unknown) => error);
  expect(isNotSent(await impatient)).toBe(true);
  const third = send('third');
  answer();
  expect(await Promise.all([first, third])).toEqual(['first', 'third']);
  expect(sent).toEqual(['first', 'third']);
  expect(guard.state).toBe('closed');
});
