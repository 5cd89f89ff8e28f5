import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let psql: pg.Client;

interface Past {
  key: string;
  type?: string;
  server?: string | null;
  /** Minutes ago. */
  created: number;
  /** What happened: the state, minutes ago. */
  changes?: [state: string, ago: number][];
}

/** Writes a life as it would have been, with the triggers off: they know no other time than now. */
async function write({ key, type = 'health', server = null, created, changes = [] }: Past, tenant = 'default'): Promise<void> {
  const trail: [string, number][] = [['pending', created], ...changes];
  const [state, last] = trail.at(-1) ?? ['pending', created];
  const at = (wanted: string) => changes.findLast(([to]) => to === wanted)?.[1] ?? null;
  const ended = state === 'completed' || state === 'failed' ? last : null;
  const started = state === 'pending' || state === 'cancelled' ? null : at('processing');
  await psql.query(
    `insert into assessment_states (id, tenant_id, assessment_id, type, source, server_name, state, version, request_data, request_hash, created_at, updated_at, started_at, completed_at)
      select gen_random_uuid(), $1, $2, $3, 'api', $4, $5, $6, '{}', '', ago.moment[1], ago.moment[2], ago.moment[3], ago.moment[4]
      from (select array_agg(clock_timestamp() - make_interval(secs => minutes * 60) order by ord) as moment from unnest($7::float8[]) with ordinality as m (minutes, ord)) ago`,
    [tenant, key, type, server, state, trail.length, [created, last, started, ended]],
  );
  for (const [index, [to, ago]] of trail.entries()) {
    await psql.query(
      `insert into assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, progress, retry_count, created_at)
        select s.tenant_id, s.assessment_id, $3::assessment_state, $4::assessment_state, $5::int, $6::int, 'history', 0, 0,
          case when $7 and s.completed_at is not null then s.completed_at else clock_timestamp() - make_interval(secs => $8::float8 * 60) end
        from assessment_states s where s.tenant_id = $1 and s.assessment_id = $2`,
      [tenant, key, trail[index - 1]?.[0] ?? null, to, index === 0 ? null : index, index + 1, index === trail.length - 1, ago],
    );
  }
}

beforeAll(async () => {
  setup = await startTestStore();
  psql = await setup.database.connect();
  await psql.query('set session_replication_role = replica');
  await write({ key: 'waiting', created: 90, server: 'web-1' });
  await write({ key: 'waiting too', created: 5, type: 'security' });
  await write({ key: 'working', created: 20, changes: [['processing', 10]] });
  // Ended in the last hour: after 60, 120, 180 and 600 seconds of work.
  await write({
    key: 'done 1',
    created: 20,
    changes: [
      ['processing', 11],
      ['completed', 10],
    ],
    server: 'web-1',
  });
  await write({
    key: 'done 2',
    created: 20,
    changes: [
      ['processing', 12],
      ['completed', 10],
    ],
  });
  await write({
    key: 'done 3',
    created: 200,
    changes: [
      ['processing', 33],
      ['completed', 30],
    ],
    type: 'security',
  });
  await write({
    key: 'broken',
    created: 20,
    changes: [
      ['processing', 19],
      ['failed', 9],
    ],
    server: 'web-1',
  });
  // Failed once, then retried and still waiting: a failure of the window, but no ended assessment.
  await write({
    key: 'again',
    created: 20,
    changes: [
      ['processing', 19],
      ['failed', 18],
      ['pending', 17],
    ],
  });
  await write({ key: 'off', created: 20, changes: [['cancelled', 8]] });
  // Ended before the window.
  await write({
    key: 'old',
    created: 300,
    changes: [
      ['processing', 299],
      ['completed', 200],
    ],
  });
  await write(
    {
      key: 'foreign',
      created: 300,
      changes: [
        ['processing', 4],
        ['failed', 3],
      ],
    },
    'foreign',
  );
  await psql.query('set session_replication_role = origin');
});
afterAll(() => setup.stop());

const stats = (query = {}) => setup.store.getAssessmentStats(query, actor);

describe('the statistics', () => {
  test('count what there is now, whatever the window', async () => {
    for (const windowMinutes of [1, 60, 1_440]) {
      expect(await stats({ windowMinutes })).toMatchObject({
        total: 10,
        active: 4,
        pending: 3,
        processing: 1,
        completed: 4,
        failed: 1,
        cancelled: 1,
      });
    }
  });

  test('give the times of work of those that ended in the window', async () => {
    const { averageProcessingTimeMs, p50ProcessingTimeMs, p95ProcessingTimeMs, p99ProcessingTimeMs } = await stats();
    expect(averageProcessingTimeMs).toBeCloseTo(240_000, -2);
    expect(p50ProcessingTimeMs).toBeCloseTo(150_000, -2);
    expect(p95ProcessingTimeMs).toBeCloseTo(537_000, -2);
    expect(p99ProcessingTimeMs).toBeCloseTo(587_400, -2);
  });

  test('give the rates of what happened in the window, also of failures that were retried', async () => {
    const { throughputPerMinute, errorRate } = await stats();
    expect(throughputPerMinute).toBeCloseTo(6 / 60, 10);
    expect(errorRate).toBeCloseTo(2 / 5, 10);
    const wide = await stats({ windowMinutes: 600 });
    expect(wide.throughputPerMinute).toBeCloseTo(7 / 600, 10);
    expect(wide.errorRate).toBeCloseTo(2 / 6, 10);
  });

  test('give the age of the oldest that waits', async () => {
    const { oldestPendingAgeMs } = await stats();
    expect(oldestPendingAgeMs).toBeGreaterThanOrEqual(90 * 60_000);
    expect(oldestPendingAgeMs).toBeLessThan(95 * 60_000);
  });

  test('are of one type, of one server, or of both', async () => {
    expect(await stats({ type: 'SECURITY' })).toMatchObject({
      total: 2,
      pending: 1,
      completed: 1,
      errorRate: 0,
      throughputPerMinute: 1 / 60,
    });
    expect(await stats({ serverName: 'web-1' })).toMatchObject({ total: 3, pending: 1, completed: 1, failed: 1, errorRate: 0.5 });
    expect(await stats({ serverName: 'web-1', type: 'SECURITY' })).toMatchObject({ total: 0 });
  });

  test('of nothing are zeros and nulls', async () => {
    const nothing = await stats({ serverName: 'no such server', windowMinutes: 2 });
    expect(nothing).toMatchObject({ total: 0, active: 0, throughputPerMinute: 0, errorRate: 0, oldestPendingAgeMs: null });
    expect(nothing).toMatchObject({
      averageProcessingTimeMs: null,
      p50ProcessingTimeMs: null,
      p95ProcessingTimeMs: null,
      p99ProcessingTimeMs: null,
    });
    expect(nothing.series).toHaveLength(2);
  });

  test('never show what is another tenant’s', async () => {
    const foreign = await setup.store.getAssessmentStats({}, { tenantId: 'foreign', subject: 'x' });
    expect(foreign).toMatchObject({ total: 1, failed: 1, errorRate: 1 });
  });

  test('work for an assessment that has waited for years', async () => {
    await psql.query('begin');
    await psql.query(`insert into assessment_states (id, tenant_id, assessment_id, type, source, request_data, request_hash, created_at)
      values (gen_random_uuid(), 'patient', 'ancient', 'health', 'api', '{}', '', now() - interval '3 years')`);
    await psql.query('commit');
    const { oldestPendingAgeMs } = await setup.store.getAssessmentStats({}, { tenantId: 'patient', subject: 'x' });
    expect(oldestPendingAgeMs).toBeGreaterThan(24 * 24 * 3_600_000);
  });
});

describe('the series', () => {
  test.each([1, 60, 1_440])('has one bucket for each of %i minutes, the newest last', async (windowMinutes) => {
    const { series } = await stats({ windowMinutes });
    expect(series).toHaveLength(windowMinutes);
    for (const [index, { at }] of series.entries()) {
      expect(at.getTime() % 60_000).toBe(0);
      if (index > 0) expect(at.getTime() - (series[index - 1]?.at.getTime() ?? 0)).toBe(60_000);
    }
    expect(Math.abs(Date.now() - (series.at(-1)?.at.getTime() ?? 0))).toBeLessThan(120_000);
  });

  test('adds up to what happened', async () => {
    const { series } = await stats();
    const sum = (field: 'created' | 'completed' | 'failed' | 'cancelled') => series.reduce((total, bucket) => total + bucket[field], 0);
    expect({ created: sum('created'), completed: sum('completed'), failed: sum('failed'), cancelled: sum('cancelled') }).toEqual({
      ...{ created: 7, completed: 3, failed: 2, cancelled: 1 },
    });
  });

  test('shows each change in its minute, with the time of the work that ended then', async () => {
    const { series } = await stats();
    const pair = series.filter(({ completed }) => completed > 0).at(-1);
    expect(pair).toMatchObject({ completed: 2, failed: 0 });
    expect(pair?.averageProcessingTimeMs).toBeCloseTo(90_000, -2);
    expect(
      series.filter(({ completed, failed }) => completed + failed === 0).every((bucket) => bucket.averageProcessingTimeMs === null),
    ).toBe(true);
  });

  test('begins with what happens now', async () => {
    const { store } = setup;
    await store.createAssessment({ assessmentId: 'now', type: 'HEALTH', serverName: 'now' }, actor);
    await store.startProcessing({ assessmentId: 'now' }, actor);
    await store.completeAssessment({ assessmentId: 'now', result: {} }, actor);
    const { series } = await stats({ serverName: 'now', windowMinutes: 3 });
    const [, previous, latest] = series;
    expect((previous?.created ?? 0) + (latest?.created ?? 0)).toBe(1);
    expect((previous?.completed ?? 0) + (latest?.completed ?? 0)).toBe(1);
  });
});
