import { z } from 'zod';
import { Prisma } from '../generated/prisma/client.ts';
import type { Assessment } from './assessment.ts';
import type { Database } from './database.ts';
import { checkInput, maxLength } from './inputs.ts';
import { textProblem } from './json.ts';

/** Which assessments are counted, and over how long. */
export interface StatsQuery {
  /** How far back rates, times and the series reach, in minutes: 1 to 1440. Default 60. */
  windowMinutes?: number | null | undefined;
  type?: Assessment['type'] | null | undefined;
  serverName?: string | null | undefined;
}

/** One minute of the window. */
export interface StatsBucket {
  /** When the minute begins. */
  at: Date;
  created: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Of those that completed or failed in this minute; null without any. */
  averageProcessingTimeMs: number | null;
}

export interface AssessmentStats {
  total: number;
  /** Pending and processing. */
  active: number;
  pending: number;
  processing: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Times from start to end of those that completed or failed in the window, in milliseconds; null without any. */
  averageProcessingTimeMs: number | null;
  p50ProcessingTimeMs: number | null;
  p95ProcessingTimeMs: number | null;
  p99ProcessingTimeMs: number | null;
  /** How many reached a terminal state in the window, per minute. */
  throughputPerMinute: number;
  /** failed / (completed + failed) in the window, 0 to 1; 0 when nothing ended. */
  errorRate: number;
  oldestPendingAgeMs: number | null;
  /** One bucket a minute over the window, oldest first. */
  series: StatsBucket[];
}

const maxInt = 2_147_483_647;

const query = z.object({
  type: z.enum(['COMPLIANCE', 'HEALTH', 'SECURITY'], { error: 'must be COMPLIANCE, HEALTH or SECURITY' }).nullish(),
  windowMinutes: z
    .int({ error: 'must be a whole number of minutes from 1 to 1440' })
    .min(1, 'must be at least 1 minute')
    .max(1_440, 'must be at most 1440 minutes')
    .nullish(),
  serverName: z
    .string()
    .max(maxLength.serverName, `must be at most ${maxLength.serverName} characters long`)
    .superRefine((value, context) => {
      const problem = textProblem(value);
      if (problem !== undefined) context.addIssue(problem);
    })
    .nullish(),
});

/**
 * Counts and rates of a tenant's assessments. The window's rates count changes (from the audit trail), so an assessment that failed
 * and was retried counts as a failure; the times are those of the assessments that ended in the window and are ended now.
 * @throws InvalidInputError naming the argument.
 */
export async function readStats(db: Database, tenantId: string, asked: StatsQuery): Promise<AssessmentStats> {
  const { windowMinutes } = checkInput(query, asked);
  const minutes = windowMinutes ?? 60;
  const subset = subsetOf(tenantId, asked);
  const [counts, times, series] = await Promise.all([
    readCounts(db, subset),
    readTimes(db, subset, minutes),
    readSeries(db, subset, minutes),
  ]);
  const ended = series.reduce((sum, bucket) => sum + bucket.completed + bucket.failed + bucket.cancelled, 0);
  const failed = series.reduce((sum, bucket) => sum + bucket.failed, 0);
  const judged = series.reduce((sum, bucket) => sum + bucket.completed + bucket.failed, 0);
  return {
    ...counts,
    ...times,
    active: counts.pending + counts.processing,
    throughputPerMinute: ended / minutes,
    errorRate: judged === 0 ? 0 : failed / judged,
    series,
  };
}

function subsetOf(tenantId: string, { type, serverName }: StatsQuery): Prisma.Sql {
  const parts = [Prisma.sql`s.tenant_id = ${tenantId}`];
  if (type) parts.push(Prisma.sql`s.type = ${type.toLowerCase()}::assessment_type`);
  if (serverName !== null && serverName !== undefined) parts.push(Prisma.sql`s.server_name = ${serverName}`);
  return Prisma.join(parts, ' and ');
}

type Counts = Pick<AssessmentStats, 'total' | 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'oldestPendingAgeMs'>;

async function readCounts(db: Database, subset: Prisma.Sql): Promise<Counts> {
  const [row] = await db.$queryRaw<Counts[]>`/* readCounts */
    select count(*)::int as "total",
      count(*) filter (where s.state = 'pending')::int as "pending", count(*) filter (where s.state = 'processing')::int as "processing",
      count(*) filter (where s.state = 'completed')::int as "completed", count(*) filter (where s.state = 'failed')::int as "failed",
      count(*) filter (where s.state = 'cancelled')::int as "cancelled",
      least(${maxInt}::float8, greatest(0, extract(epoch from clock_timestamp() - min(s.created_at) filter (where s.state = 'pending')) * 1000))::int as "oldestPendingAgeMs"
    from assessment_states s where ${subset}`;
  if (row === undefined) throw new Error('an aggregate gave no row');
  return { ...row, oldestPendingAgeMs: row.pending === 0 ? null : row.oldestPendingAgeMs };
}

type Times = Pick<AssessmentStats, 'averageProcessingTimeMs' | 'p50ProcessingTimeMs' | 'p95ProcessingTimeMs' | 'p99ProcessingTimeMs'>;

async function readTimes(db: Database, subset: Prisma.Sql, minutes: number): Promise<Times> {
  const [row] = await db.$queryRaw<
    (Omit<Times, 'averageProcessingTimeMs'> & { average: number | null; p: number[] | null })[]
  >`/* readTimes */
    select avg(took)::float8 as "average", percentile_cont(array[0.5, 0.95, 0.99]) within group (order by took) as "p"
    from (
      select extract(epoch from s.completed_at - s.started_at)::float8 * 1000 as took from assessment_states s
      where ${subset} and s.completed_at >= date_trunc('minute', now()) - make_interval(mins => ${minutes - 1}::int)
    ) ended`;
  const [p50, p95, p99] = row?.p ?? [];
  return {
    averageProcessingTimeMs: row?.average ?? null,
    p50ProcessingTimeMs: p50 ?? null,
    p95ProcessingTimeMs: p95 ?? null,
    p99ProcessingTimeMs: p99 ?? null,
  };
}

const readSeries = (db: Database, subset: Prisma.Sql, minutes: number): Promise<StatsBucket[]> =>
  db.$queryRaw`/* readSeries */
    with bounds as (select date_trunc('minute', now()) as latest, date_trunc('minute', now()) - make_interval(mins => ${minutes - 1}::int) as since),
    created as (
      select date_trunc('minute', s.created_at) as at, count(*)::int as created from assessment_states s, bounds
      where ${subset} and s.created_at >= bounds.since group by 1
    ), ended as (
      select date_trunc('minute', a.created_at) as at,
        count(*) filter (where a.new_state = 'completed')::int as completed, count(*) filter (where a.new_state = 'failed')::int as failed,
        count(*) filter (where a.new_state = 'cancelled')::int as cancelled,
        avg(extract(epoch from s.completed_at - s.started_at) * 1000) filter (where s.completed_at = a.created_at)::float8 as average
      from bounds, assessment_state_audit a join assessment_states s using (tenant_id, assessment_id)
      where ${subset} and a.created_at >= bounds.since and a.new_state in ('completed', 'failed', 'cancelled') and a.old_state <> a.new_state
      group by 1
    )
    select minute as "at", coalesce(created.created, 0) as "created", coalesce(ended.completed, 0) as "completed", coalesce(ended.failed, 0) as "failed",
      coalesce(ended.cancelled, 0) as "cancelled", ended.average as "averageProcessingTimeMs"
    from bounds cross join generate_series(bounds.since, bounds.latest, interval '1 minute') as minute
    left join created on created.at = minute left join ended on ended.at = minute
    order by minute`;
