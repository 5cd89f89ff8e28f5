import { afterAll, beforeAll, expect, test } from 'vitest';
import { contentsOf, differencesOf } from '../../drills/contents.ts';
import { faultsOf } from '../../drills/prove.ts';
import { drillRestore } from '../../drills/restore-drill.ts';
import { noPgDump } from '../support/no-pg-dump.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
});
afterAll(() => setup.stop());

async function live(assessmentId: string): Promise<void> {
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH', metadata: { of: assessmentId } }, actor);
  await setup.store.startProcessing({ assessmentId }, actor);
  await setup.store.updateProgress({ assessmentId, progress: 50 }, actor);
}

const without = await noPgDump();

test.skipIf(without)('a backup that is made while changes go on is restored, and holds what there was at its moment', async () => {
  for (let n = 0; n < 50; n++) await live(`before-${n}`);
  let goOn = true;
  let changes = 0;
  const writer = (async () => {
    while (goOn) await live(`meanwhile-${changes++}`);
  })();
  const said: string[] = [];
  const { contents, problems } = await drillRestore({ databaseUrl: setup.database.url, tell: (text) => void said.push(text) });
  goOn = false;
  await writer;
  expect(problems).toEqual([]);
  expect(said).toContain('every table holds what it held when it was dumped');
  expect(contents.get('assessment_states')?.rows).toBeGreaterThanOrEqual(50);
  expect(contents.get('assessment_state_audit')?.rows).toBeGreaterThanOrEqual(150);
  const psql = await setup.database.connect();
  const { rows } = await psql.query(`select datname from pg_database where datname like 'assessment_drill_%'`);
  expect(rows).toEqual([]);
  const after = await contentsOf(psql);
  expect(changes).toBeGreaterThan(1); // or nothing was going on
  expect(differencesOf(contents, after)).toContain(
    `assessment_states has ${after.get('assessment_states')?.rows} rows, not ${contents.get('assessment_states')?.rows}`,
  );
});

test('a copy that differs in one value is found out', async () => {
  await live('differs');
  const psql = await setup.database.connect();
  const before = await contentsOf(psql);
  await setup.store.updateProgress({ assessmentId: 'differs', progress: 51 }, actor);
  expect(differencesOf(before, before)).toEqual([]);
  expect(differencesOf(before, await contentsOf(psql))).toContain('assessment_states has as many rows, but other contents');
  const less = new Map([...before].filter(([name]) => name !== 'assessment_states'));
  expect(differencesOf(before, less)).toEqual(['assessment_states is missing']);
});

test.each([
  ['50_audit_insert', /^the audit trail of a new assessment says: 2 PROCESSING, 3 COMPLETED$/],
  ['50_audit_update', /^the audit trail of a new assessment says: 1 PENDING$/],
  ['40_guard_update', /^an assessment cannot be brought to its end: |^the database let a completed assessment go back to pending$/],
])('a database that was restored without the trigger %s is found out', async (trigger, fault) => {
  const bare = await createTestDatabase();
  expect(await faultsOf(bare.url)).toEqual([]);
  const psql = await bare.connect();
  await psql.query(`delete from assessment_states`); // the next proof makes the same assessment
  await psql.query(`drop trigger assessment_states_${trigger} on assessment_states`);
  expect((await faultsOf(bare.url)).join('\n')).toMatch(new RegExp(fault.source, 'm'));
  await bare.drop();
});
