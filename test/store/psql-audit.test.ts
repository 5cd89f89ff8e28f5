import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let psql: pg.Client;
let role: string;
beforeAll(async () => {
  setup = await startTestStore();
  psql = await setup.database.connect();
  role = (await psql.query<{ role: string }>('select session_user as role')).rows[0]?.role ?? '';
});
afterAll(() => setup.stop());

let assessmentId: string;
let made = 0;
beforeEach(async () => {
  assessmentId = `audited ${++made}`;
  await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
});

const update = (what: string, key = assessmentId) => psql.query(`update assessment_states set ${what} where assessment_id = $1`, [key]);
const trail = async (key = assessmentId) =>
  (await setup.store.auditTrail(key, {}, actor)).items.map(
    ({ node }) => `${node.oldState} ${node.newState} ${node.versionTo} ${node.changedBy} ${node.changeReason}`,
  );
const versionOf = async () => (await setup.store.getState(assessmentId, actor)).version;

test('a legal UPDATE in psql raises the version and is audited under the name of the database role', async () => {
  await update(`state = 'processing'`);
  await update('progress = 10');
  await update('priority = 1');
  expect(await versionOf()).toBe(4);
  expect(await trail()).toEqual([
    'null PENDING 1 tester null',
    `PENDING PROCESSING 2 database:${role} null`,
    `PROCESSING PROCESSING 3 database:${role} null`,
    `PROCESSING PROCESSING 4 database:${role} null`,
  ]);
});

test('a statement that says who and why is believed, also inside a transaction with one that does not', async () => {
  await psql.query('begin');
  await update(`state = 'processing', changed_by = 'alice', change_reason = 'by hand'`);
  await update('progress = 10');
  await update(`progress = 20, changed_by = changed_by`);
  await psql.query('commit');
  expect((await trail()).slice(1)).toEqual([
    'PENDING PROCESSING 2 alice by hand',
    `PROCESSING PROCESSING 3 database:${role} null`,
    `PROCESSING PROCESSING 4 database:${role} null`,
  ]);
});

test('the times are set with the states', async () => {
  await update(`state = 'processing'`);
  const started = await setup.store.getState(assessmentId, actor);
  expect(started.startedAt).toEqual(started.updatedAt);
  expect(started.completedAt).toBeNull();
  await update(`state = 'failed', error_message = 'broken'`);
  const failed = await setup.store.getState(assessmentId, actor);
  expect(failed.completedAt).toEqual(failed.updatedAt);
  await update(`state = 'pending'`);
  expect(await setup.store.getState(assessmentId, actor)).toMatchObject({ startedAt: null, completedAt: null, progress: 0, retryCount: 1 });
});

test('a renewed lease is neither versioned nor audited', async () => {
  await update(
    `state = 'processing', claimed_by = 'w', claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now() + interval '1 minute'`,
  );
  const before = await setup.store.getState(assessmentId, actor);
  await update(`claim_expires_at = now() + interval '1 hour'`);
  await update(`claim_expires_at = now() + interval '2 hours', changed_by = 'worker', change_reason = 'lease'`);
  const after = await setup.store.getState(assessmentId, actor);
  expect(after).toEqual({ ...before, claimExpiresAt: after.claimExpiresAt });
  expect(after.claimExpiresAt?.getTime()).toBeGreaterThan((before.claimExpiresAt?.getTime() ?? 0) + 7_000_000);
  expect(await trail()).toHaveLength(2);
});

test('an UPDATE that changes nothing is no change', async () => {
  await update(`state = state, priority = priority, message = message, changed_by = 'nobody'`);
  expect(await versionOf()).toBe(1);
  expect(await trail()).toHaveLength(1);
});

test('one UPDATE of many rows is audited row by row', async () => {
  const keys = Array.from({ length: 300 }, (_, index) => `many ${index}`);
  await Promise.all(keys.map((key) => setup.store.createAssessment({ assessmentId: key, type: 'HEALTH' }, actor)));
  await psql.query(`update assessment_states set state = 'cancelled' where assessment_id like 'many %'`);
  const { rows } = await psql.query(
    `select count(*)::int as many from assessment_state_audit where assessment_id like 'many %' and new_state = 'cancelled' and changed_by = $1`,
    [`database:${role}`],
  );
  expect(rows).toEqual([{ many: 300 }]);
});

test('what is rolled back was never audited', async () => {
  await psql.query('begin');
  await update(`state = 'cancelled'`);
  await psql.query('rollback');
  expect(await trail()).toHaveLength(1);
  expect(await versionOf()).toBe(1);
});

test('a row that psql inserts is audited like any other', async () => {
  await psql.query(`insert into assessment_states (id, assessment_id, type, source, request_data, request_hash)
    values (gen_random_uuid(), 'inserted', 'health', 'api', '{}', '')`);
  expect(await trail('inserted')).toEqual([`null PENDING 1 database:${role} null`]);
});

test('a change of psql and a change of the store continue each other', async () => {
  await update(`state = 'processing'`);
  await setup.store.completeAssessment({ assessmentId, result: {}, expectedVersion: 2 }, actor);
  expect((await trail()).at(-1)).toBe('PROCESSING COMPLETED 3 tester null');
  expect(await findAuditFlaws(psql)).toEqual([]);
});

test('the checker of this suite does find what is wrong', async () => {
  const broken = await setup.database.connect();
  await broken.query('begin');
  await broken.query('set local session_replication_role = replica');
  await broken.query(`update assessment_states set version = 5 where assessment_id = $1`, [assessmentId]);
  await broken.query(`delete from assessment_state_audit where assessment_id = 'inserted'`);
  await broken.query(`update assessment_state_audit set new_state = 'completed' where assessment_id = 'many 1' and version_to = 2`);
  await broken.query(
    `update assessment_state_audit set version_to = 4, version_from = 3 where assessment_id = 'many 2' and version_to = 2`,
  );
  const flaws = await findAuditFlaws(broken);
  await broken.query('rollback');
  expect(flaws.map(({ assessmentId: id, flaw }) => `${id}: ${flaw}`)).toEqual([
    `${assessmentId}: ends otherwise than the assessment is`,
    'inserted: has no audit trail',
    'many 1: ends otherwise than the assessment is',
    'many 1: illegal change from pending to completed',
    'many 2: ends otherwise than the assessment is',
    'many 2: gap: does not follow the version before it',
  ]);
});
