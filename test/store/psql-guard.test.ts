import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore();
  psql = await setup.database.connect();
  const { store } = setup;
  for (const assessmentId of ['pending', 'processing', 'completed', 'failed', 'cancelled']) {
    await store.createAssessment({ assessmentId, type: 'HEALTH', serverName: 'web-1' }, actor);
    if (!['pending', 'cancelled'].includes(assessmentId)) await store.startProcessing({ assessmentId }, actor);
  }
  await store.updateProgress({ assessmentId: 'processing', progress: 40 }, actor);
  await store.completeAssessment({ assessmentId: 'completed', result: { score: 1 } }, actor);
  await store.failAssessment({ assessmentId: 'failed', error: 'broken' }, actor);
  await store.cancelAssessment({ assessmentId: 'cancelled' }, actor);
});
afterAll(() => setup.stop());

const everything = async () => (await psql.query('select * from assessment_states order by assessment_id')).rows;

/** An operator's statement that the database must refuse, leaving everything as it was. */
async function expectRefused(sql: string, code: string, message: RegExp): Promise<void> {
  const before = await everything();
  const audit = (await psql.query('select count(*) from assessment_state_audit')).rows;
  await expect(psql.query(sql).then(() => 'not refused')).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(await everything()).toEqual(before);
  expect((await psql.query('select count(*) from assessment_state_audit')).rows).toEqual(audit);
}

const update = (assessmentId: string, what: string) => `update assessment_states set ${what} where assessment_id = '${assessmentId}'`;

describe('what an assessment was created with', () => {
  test.each([
    'id = gen_random_uuid()',
    `tenant_id = 'other'`,
    `assessment_id = 'other'`,
    `type = 'security'`,
    `source = 'installer'`,
    `request_data = '{"type": "SECURITY"}'`,
    `request_hash = 'other'`,
    `created_at = created_at - interval '1 day'`,
  ])('cannot change: %s', async (what) => {
    await expectRefused(update('pending', what), 'AS002', /what it was created with .* never changes/);
  });
});

describe('an ended assessment', () => {
  test.each(['completed', 'failed', 'cancelled'])('cannot change any more: %s', async (state) => {
    for (const what of [
      `message = 'new'`,
      'progress = 99 - progress',
      'priority = 1',
      `server_name = 'other'`,
      'max_retries = 9',
      `error_message = 'x'`,
    ]) {
      await expectRefused(update(state, what), 'AS002', new RegExp(`is ${state}: it can no longer be changed`));
    }
  });

  test('keeps its result', async () => {
    await expectRefused(update('completed', `result_data = '{"score": 2}'`), 'AS002', /is completed: it can no longer be changed/);
    await expectRefused(update('failed', `result_data = '{}'`), '23514', /result_when_completed/);
  });
});

describe('progress', () => {
  test('cannot fall, and changes only while processing', async () => {
    await expectRefused(update('processing', 'progress = 39'), 'AS003', /progress of assessment "processing" cannot fall from 40 to 39/);
    await expectRefused(update('pending', 'progress = 1'), 'AS003', /is pending: progress changes only in processing/);
  });
});

describe('values that make no sense', () => {
  test.each([
    ['processing', 'progress = 101', 'progress_range'],
    ['pending', 'priority = 0', 'priority_range'],
    ['pending', 'priority = 11', 'priority_range'],
    ['pending', 'max_retries = -1', 'retries_not_negative'],
    ['pending', 'timeout_ms = 0', 'timeout_positive'],
    ['pending', `result_data = '{}'`, 'result_when_completed'],
    ['processing', 'next_retry_at = now()', 'next_retry_when_pending'],
    ['processing', `claimed_by = 'worker'`, 'claim_all_or_none'],
    ['processing', 'claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now()', 'claim_all_or_none'],
    ['pending', `claimed_by = 'w', claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now()`, 'claim_when_processing'],
  ])('are refused: %s with %s', async (assessmentId, what, constraint) => {
    await expectRefused(update(assessmentId, what), '23514', new RegExp(constraint));
  });

  test('are refused at the creation too', async () => {
    const insert = (columns: string, values: string) =>
      `insert into assessment_states (id, type, source, request_data, request_hash, ${columns}) values (gen_random_uuid(), 'health', 'api', '{}', '', ${values})`;
    await expectRefused(insert('assessment_id', `''`), '23514', /assessment_id_not_empty/);
    await expectRefused(insert('assessment_id, completed_at', `'new', now()`), '23514', /completed_at_when_ended/);
    await expectRefused(insert('assessment_id', `'pending'`), '23505', /tenant_id_assessment_id_key/);
  });
});

describe('what the database keeps by itself', () => {
  test('is not to be had by setting it', async () => {
    const [before] = (await psql.query(`select * from assessment_states where assessment_id = 'pending'`)).rows;
    await psql.query(update('pending', `version = 9, updated_at = 'epoch', started_at = now(), completed_at = now(), retry_count = 7`));
    expect((await psql.query(`select * from assessment_states where assessment_id = 'pending'`)).rows).toEqual([before]);
    const sql = `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash, version, progress, retry_count, created_at, updated_at)
      values (gen_random_uuid(), 'forged', 'health', 'api', '{}', '', 7, 50, 3, now() + interval '1 day', now() + interval '2 days')
      returning version, progress, retry_count, created_at <= now() + interval '1 minute' as "notLater", updated_at = created_at as "same"`;
    expect((await psql.query(sql)).rows).toEqual([{ version: 1, progress: 0, retry_count: 0, notLater: true, same: true }]);
  });
});

describe('deleting', () => {
  test.each(['pending', 'processing'])('is refused while the assessment is %s', async (state) => {
    await expectRefused(
      `delete from assessment_states where assessment_id = '${state}'`,
      'AS004',
      /only an ended assessment can be deleted \(cancel it first\)/,
    );
  });

  test('of many is refused for the sake of one that is live', async () => {
    await expectRefused('delete from assessment_states', 'AS004', /only an ended assessment can be deleted/);
  });

  test('of an ended one takes its audit rows with it, and no others', async () => {
    const { rows } = await psql.query(`select count(*)::int as many from assessment_state_audit where assessment_id <> 'cancelled'`);
    await psql.query(`delete from assessment_states where assessment_id = 'cancelled'`);
    expect((await psql.query(`select count(*)::int as many from assessment_state_audit`)).rows).toEqual(rows);
    expect(await findAuditFlaws(psql)).toEqual([]);
  });

  test('everything by TRUNCATE is refused', async () => {
    await expectRefused('truncate assessment_states', 'AS005', /cannot be truncated/);
    await expectRefused('truncate assessment_states cascade', 'AS005', /cannot be truncated/);
  });
});

describe('the audit trail', () => {
  test.each([
    [`update assessment_state_audit set changed_by = 'nobody'`, /written by the database alone.*: update refused/],
    ['delete from assessment_state_audit', /written by the database alone.*: delete refused/],
    ['truncate assessment_state_audit', /cannot be truncated/],
  ])('is only ever added to: %s', async (sql, message) => {
    await expectRefused(sql, 'AS005', message);
  });

  test('is written by changes alone: a row made up by hand is refused', async () => {
    const forged = `insert into assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, progress, retry_count)
      select tenant_id, assessment_id, state, 'completed', version, version + 1, 'nobody', 100, 0 from assessment_states where assessment_id = 'processing'`;
    await expectRefused(forged, 'AS005', /insert refused/);
  });
});
