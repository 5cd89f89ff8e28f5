import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { bringTo, census, codesOf, createAll, keysOf } from '../support/batches.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let stores: AssessmentStore[];
beforeAll(async () => {
  setup = await startTestStore({ lockPatienceMs: 60_000 });
  stores = [setup.store, await openStore({ databaseUrl: setup.database.url, log: new TestLog(), lockPatienceMs: 60_000 })];
});
afterAll(async () => {
  const flaws = await findAuditFlaws(await setup.database.connect());
  await stores[1]?.stop();
  await setup.stop();
  expect(flaws).toEqual([]);
});

const modes = [
  ['separately', 'separately', false, false],
  ['atomically', 'atomically', true, true],
  ['atomically', 'separately', true, false],
] as const;

/** Calls of both stores at once, with the items in opposite orders; results in the order of the keys. */
async function fromBoth(keys: readonly string[], call: (store: AssessmentStore, keys: string[], mode: 0 | 1) => Promise<unknown[]>) {
  const [one, two] = await Promise.all([
    call(stores[0] as AssessmentStore, [...keys], 0),
    call(stores[1] as AssessmentStore, [...keys].reverse(), 1),
  ]);
  return [codesOf(one ?? []), codesOf(two ?? []).reverse()];
}

test.each(modes)('the same keys, created %s and %s at once, are created once', async (one, two, ...atomic) => {
  const keys = keysOf(`create ${one} ${two}`, 1_500);
  const created = [0, 0];
  const codes = await fromBoth(keys, async (store, mine, which) => {
    const assessments = mine.map((assessmentId) => ({ assessmentId, type: 'HEALTH' as const }));
    const results = await store.batchCreateAssessments({ assessments, atomic: atomic[which] }, actor);
    created[which] = results.filter((result) => 'created' in result && result.created).length;
    return results;
  });
  expect(codes.flat().filter((code) => code !== 'OK')).toEqual([]);
  expect((created[0] ?? 0) + (created[1] ?? 0)).toBe(1_500);
  expect(await census(await setup.database.connect(), `create ${one} ${two}`)).toEqual({ states: { 'pending 1': 1_500 }, audited: 1_500 });
});

test.each(modes)('each assessment that is completed %s and %s at once has one winner', async (one, two, ...atomic) => {
  const keys = keysOf(`complete ${one} ${two}`, 1_500);
  await createAll(setup.store, keys);
  const psql = await setup.database.connect();
  await bringTo(psql, keys, 'processing');
  const [mine = [], theirs = []] = await fromBoth(keys, (store, items, which) => {
    const completions = items.map((assessmentId) => ({ assessmentId, result: { which } }));
    return store.batchCompleteAssessments({ completions, atomic: atomic[which] }, actor);
  });
  // An atomic batch that lost one has lost all of them; and what neither has got is still there to be completed.
  const winners = keys.map((_, index) => [mine[index], theirs[index]].filter((code) => code === 'OK').length);
  expect(Math.max(...winners)).toBe(1);
  const completed = winners.filter((count) => count === 1).length;
  expect(completed).toBeGreaterThan(0);
  const states = completed === 1_500 ? { 'completed 3': 1_500 } : { 'completed 3': completed, 'processing 2': 1_500 - completed };
  expect(await census(psql, `complete ${one} ${two}`)).toEqual({ states, audited: 3_000 + completed });
});

test.each(modes)('progress that is reported %s and %s at once never falls, and every change is audited', async (one, two, ...atomic) => {
  const prefix = `progress ${one} ${two}`;
  const keys = keysOf(prefix, 700);
  await createAll(setup.store, keys);
  const psql = await setup.database.connect();
  await bringTo(psql, keys, 'processing');
  let changes = 0;
  await fromBoth(keys, async (store, items, which) => {
    const updates = [10, 20, 30].flatMap((step) => items.map((assessmentId) => ({ assessmentId, progress: step + which })));
    const results = await store.batchUpdateProgress({ updates, atomic: atomic[which] }, actor);
    changes += codesOf(results).filter((code) => code === 'OK').length;
    return results;
  });
  expect(changes).toBeGreaterThan(0);
  const { rows } = await psql.query<{ changes: number }>(
    'select sum(version - 2)::int as changes from assessment_states where starts_with(assessment_id, $1)',
    [prefix],
  );
  expect(rows[0]?.changes).toBe(changes);
  expect((await census(psql, prefix)).audited).toBe(1_400 + changes);
});
