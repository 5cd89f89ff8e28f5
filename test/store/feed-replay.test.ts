import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { listMigrationNames } from '../../src/database/migrations-folder.ts';
import { type Assessment, type FeedEntry, openStore } from '../../src/store/index.ts';
import { createDatabase, runSql, writeMigrations } from '../database/scratch.ts';
import { eventually } from '../support/eventually.ts';
import { FeedReader } from '../support/feed-reader.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

const shown = ({ kind, previousState, assessment, before }: FeedEntry) => ({ kind, previousState, assessment, before });
const story = (told: readonly FeedEntry[], id: string) =>
  told.filter(({ assessment }) => assessment.assessmentId === id).map(({ kind, assessment: { version } }) => `${version} ${kind}`);

describe('a replayed update', () => {
  let setup: TestStore;
  beforeAll(async () => {
    setup = await startTestStore({ reconcileMs: 50, retryBaseMs: 1, retryCapMs: 2, maintenanceMs: 3_600_000 });
  });
  afterAll(() => setup.stop());

  /** Everything that can happen to assessments; gives each as it was after each command. */
  async function live(): Promise<Assessment[]> {
    const { store } = setup;
    const seen: Assessment[] = [];
    const note = async (answer: Promise<Assessment>): Promise<Assessment> => {
      const assessment = await answer;
      seen.push(assessment);
      return assessment;
    };
    const create = async (assessmentId: string, more: object = {}) => {
      const { assessment } = await store.createAssessment({ assessmentId, type: 'SECURITY', source: 'INSTALLER', ...more }, actor);
      seen.push(assessment);
    };
    const claim = async (workerId: string) => {
      const [claimed] = await store.claimAssessments({ workerId, types: ['SECURITY'], limit: 1, leaseMs: 60_000, waitMs: 10_000 }, actor);
      if (claimed === undefined) return expect.fail('nothing was ready');
      const { requestData: _, ...assessment } = claimed.assessment;
      seen.push(assessment);
      return claimed.claimToken;
    };
    const psql = await setup.database.connect();
    const byHand = (id: string, change: string) => psql.query(`update assessment_states set ${change} where assessment_id = $1`, [id]);

    const id = 'worked on';
    await create(id, { serverName: 'db-1', priority: 2, maxRetries: 3, timeoutMs: 90_000 });
    const first = await claim('w1');
    await note(store.updateProgress({ assessmentId: id, progress: 10, message: 'ten', claimToken: first }, actor));
    await store.heartbeat({ workerId: 'w1', claimTokens: [first], leaseMs: 120_000 }, actor);
    await note(store.updateProgress({ assessmentId: id, progress: 20, claimToken: first }, actor));
    await note(store.failAssessment({ assessmentId: id, error: 'once', retryable: true, claimToken: first }, actor));
    await eventually('the retry is due', async () => {
      await store.maintenance.readyRetries(); // or the store itself has, which knows when it is due
      const { rows } = await psql.query<{ ready: boolean }>('select ready from assessment_states where assessment_id = $1', [id]);
      return rows[0]?.ready;
    });
    const second = await claim('w2');
    await store.releaseAssessments({ workerId: 'w2', claimTokens: [second] }, actor);
    const third = await claim('w3');
    await note(store.failAssessment({ assessmentId: id, error: 'for good', retryable: false, claimToken: third }, actor));
    await note(store.retryAssessment({ assessmentId: id, reason: 'again' }, actor));
    await byHand(id, `priority = 9, server_name = null`);
    await note(store.startProcessing({ assessmentId: id }, actor));
    await byHand(id, `max_retries = 7, timeout_ms = null, message = 'by hand'`);
    await note(store.completeAssessment({ assessmentId: id, result: { ok: true } }, actor));

    await create('cancelled at once');
    await note(store.cancelAssessment({ assessmentId: 'cancelled at once' }, actor));
    await create('cancelled at work');
    await claim('w4');
    await note(store.cancelAssessment({ assessmentId: 'cancelled at work' }, actor));
    return seen;
  }

  test('is the live one, in every field, and shows what the command answered', async () => {
    const reader = await FeedReader.open(setup.store, actor);
    const seen = await live();
    await reader.heard('cancelled at work', 3);
    const replayed = await FeedReader.open(setup.store, actor, { after: '0' });
    await replayed.heard('cancelled at work', 3);
    await Promise.all([reader.stop(), replayed.stop()]);
    expect(replayed.told.map(shown)).toEqual(reader.told.map(shown));
    for (const assessment of seen) {
      const entry = replayed.told.find(
        ({ assessment: { assessmentId, version } }) => assessmentId === assessment.assessmentId && version === assessment.version,
      );
      expect(entry?.assessment).toEqual(assessment);
    }
    expect(story(replayed.told, 'worked on')).toEqual(
      'CREATED STARTED PROGRESS PROGRESS RETRIED STARTED RELEASED STARTED FAILED RETRIED PROGRESS STARTED PROGRESS COMPLETED'
        .split(' ')
        .map((kind, index) => `${index + 1} ${kind}`),
    );
    const { requestData: _, resultData: __, ...now } = await setup.store.getState('worked on', actor);
    expect(replayed.told.findLast(({ assessment }) => assessment.assessmentId === 'worked on')?.assessment).toEqual(now);
    const leases = replayed.told.flatMap(({ assessment: { assessmentId, claimExpiresAt, claimedAt } }) =>
      assessmentId === 'worked on' && claimExpiresAt !== null && claimedAt !== null ? [claimExpiresAt.getTime() - claimedAt.getTime()] : [],
    );
    expect(leases[0]).toBe(60_000);
    expect(leases[2]).toBeGreaterThan(110_000); // renewed before the third
    expectBefore(replayed.told);
  });

  /** That each shows what the change before it left behind, for a filter to judge by. */
  function expectBefore(told: readonly FeedEntry[]): void {
    for (const { assessment, before } of told) {
      const { assessmentId, version } = assessment;
      const earlier = told.find((other) => other.assessment.assessmentId === assessmentId && other.assessment.version === version - 1);
      const { state, progress, retryCount, priority, serverName, updatedAt, completedAt } = earlier?.assessment ?? assessment;
      const left = { state, progress, retryCount, priority, serverName, updatedAt, completedAt };
      expect(before).toEqual(version === 1 ? null : left);
    }
  }
});

describe('changes that were made before there were feeds', () => {
  const feedMigration = '20261124100000_feed';

  async function databaseOfBefore(...changes: string[]): Promise<string> {
    const databaseUrl = await createDatabase();
    const earlier = (await listMigrationNames()).filter((name) => name < feedMigration);
    const scripts = earlier.map(async (name) => [name, await readFile(join('prisma/migrations', name, 'migration.sql'), 'utf8')] as const);
    const log = new TestLog();
    await migrate({ databaseUrl, log, migrationsDir: await writeMigrations(Object.fromEntries(await Promise.all(scripts))) });
    for (const change of changes) await runSql(databaseUrl, change);
    await migrate({ databaseUrl, log });
    return databaseUrl;
  }

  const insert = (id: string, server = 'web-1') =>
    `insert into assessment_states (id, assessment_id, type, source, server_name, request_data, request_hash, priority, max_retries, timeout_ms)
     values (gen_random_uuid(), '${id}', 'health', 'api', '${server}', '{}', '', 3, 2, 60000)`;
  const update = (id: string, change: string) => `update assessment_states set ${change} where assessment_id = '${id}'`;
  const claim = `state = 'processing', claimed_by = 'w1', claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now() + interval '1 minute'`;

  test('are replayed with all that is known of them, and the latest of each as it is', async () => {
    const databaseUrl = await databaseOfBefore(
      ...[insert('held'), update('held', claim), update('held', 'progress = 30')],
      ...[insert('ended'), update('ended', claim), update('ended', `state = 'completed', result_data = '{}'`)],
      ...[insert('failed'), update('failed', `state = 'processing'`), update('failed', `state = 'failed', error_message = 'no'`)],
      ...[insert('idle'), update('idle', `state = 'cancelled'`), insert('waiting')],
      ...[insert('tried'), update('tried', claim), update('tried', `state = 'pending', next_retry_at = now() + interval '1 hour'`)],
    );
    const store = await openStore({ databaseUrl, log: new TestLog(), reconcileMs: 3_600_000 });
    onTestFinished(() => store.stop());
    await store.startProcessing({ assessmentId: 'waiting' }, actor);
    const reader = await FeedReader.open(store, actor, { after: '0' });
    await reader.heard('waiting', 2);
    await reader.stop();
    for (const id of ['held', 'ended', 'failed', 'idle', 'waiting', 'tried']) {
      const { requestData: _, resultData: __, ...now } = await store.getState(id, actor);
      expect(reader.told.findLast(({ assessment }) => assessment.assessmentId === id)?.assessment).toEqual(now);
    }
    const ofHeld = reader.told.filter(({ assessment }) => assessment.assessmentId === 'held').map(({ assessment }) => assessment);
    expect(
      ofHeld.map(({ claimedBy, progress, priority, maxRetries, timeoutMs, serverName }) => [
        claimedBy,
        progress,
        priority,
        maxRetries,
        timeoutMs,
        serverName,
      ]),
    ).toEqual([
      [null, 0, 3, 2, 60_000, 'web-1'],
      ['w1', 0, 3, 2, 60_000, 'web-1'],
      ['w1', 30, 3, 2, 60_000, 'web-1'],
    ]);
    const [created, claimed, progressed] = ofHeld;
    expect([created?.startedAt, created?.claimedAt, created?.claimExpiresAt]).toEqual([null, null, null]);
    expect(claimed?.startedAt).toEqual(claimed?.updatedAt);
    expect(claimed?.claimedAt).toEqual(claimed?.updatedAt); // when it was claimed, it began
    expect(progressed?.startedAt).toEqual(claimed?.updatedAt);
    expect(reader.told.map(({ kind }) => kind).filter((kind) => kind === 'RETRIED')).toHaveLength(1);
  });

  test('are judged by a filter as those of now are', async () => {
    const databaseUrl = await databaseOfBefore(
      ...[insert('one', 'db-1'), update('one', `state = 'processing'`), update('one', `progress = 50`)],
      ...[update('one', `state = 'completed', result_data = '{}'`), insert('two', 'web-1'), update('two', `state = 'processing'`)],
    );
    const store = await openStore({ databaseUrl, log: new TestLog(), reconcileMs: 3_600_000 });
    onTestFinished(() => store.stop());
    await store.completeAssessment({ assessmentId: 'two', result: {} }, actor);
    const told = async (where: object, last: string, version: number) => {
      const reader = await FeedReader.open(store, actor, { after: '0', where });
      await reader.heard(last, version);
      await reader.stop();
      return reader.told.map(({ assessment: { assessmentId, version } }) => `${assessmentId} ${version}`);
    };
    expect(await told({ state: { eq: 'PROCESSING' } }, 'two', 3)).toEqual(['one 2', 'one 3', 'one 4', 'two 2', 'two 3']);
    expect(await told({ serverName: { eq: 'db-1' }, progress: { lte: 49 } }, 'one', 3)).toEqual(['one 1', 'one 2', 'one 3']);
    expect(await told({ priority: { eq: 3 }, completedAt: { gte: new Date(0) } }, 'two', 3)).toEqual(['one 4', 'two 3']);
  });
});
