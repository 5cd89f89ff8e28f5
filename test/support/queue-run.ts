import type { Client } from 'pg';
import { expect } from 'vitest';
import type { Actor, AssessmentStore } from '../../src/store/index.ts';
import { scheduleRetries } from './queue-clock.ts';
import { type ModelRow, type QueueModel, retryMinutes } from './queue-model.ts';

/** How much one priority is worth in the stores of a run, in minutes. */
export const stepMinutes = 10;

/** One run of the model against the real queue, as a tenant of its own. */
export class QueueRun {
  readonly stores: readonly AssessmentStore[];
  readonly psql: Client;
  readonly actor: Actor;
  /** Where each assessment stood in the queue after the last command. */
  readonly ranks = new Map<string, number>();

  constructor(stores: readonly AssessmentStore[], psql: Client, tenantId: string) {
    this.stores = stores;
    this.psql = psql;
    this.actor = { tenantId, subject: 'model' };
  }

  store(pick: number): AssessmentStore {
    const store = this.stores[pick % this.stores.length];
    if (store === undefined) throw new Error('there are no stores');
    return store;
  }

  rank({ assessmentId }: ModelRow): number {
    return this.ranks.get(assessmentId) ?? Number.NaN;
  }

  async reschedule(rows: readonly ModelRow[]): Promise<void> {
    const retries = rows.filter(({ dueAt }) => dueAt !== null).map(({ assessmentId }) => assessmentId);
    if (retries.length > 0) await scheduleRetries(this.psql, this.actor.tenantId, retries, retryMinutes);
  }

  /** Whether every row of the database is as the model says. */
  async expectAgreement(model: QueueModel): Promise<void> {
    const { rows } = await this.psql.query(
      `select assessment_id as "assessmentId", upper(state::text) as state, version, retry_count as "retryCount", progress,
        claimed_by as "workerId", claim_token as token, claim_expires_at > clock_timestamp() as "leaseRuns",
        cancelled_claim_token as "cancelledToken", case when state = 'pending' then ready end as ready,
        case when next_retry_at is not null then next_retry_at <= clock_timestamp() end as "retryDue",
        extract(epoch from queue_rank - created_at) / 60 / $2 + 1 - priority as "rankError", extract(epoch from queue_rank)::float8 as rank
       from assessment_states where tenant_id = $1`,
      [this.actor.tenantId, stepMinutes],
    );
    for (const { assessmentId, rank } of rows) this.ranks.set(assessmentId, rank);
    const seen = rows.map(({ rank: _, rankError, ...row }) => ({ ...row, rankIsRight: Math.abs(rankError) < 1e-6 }));
    const byKey = (a: { assessmentId: string }, b: { assessmentId: string }) => (a.assessmentId < b.assessmentId ? -1 : 1);
    expect(seen.sort(byKey)).toEqual(model.rows.map((row) => expectedOf(model, row)).sort(byKey));
  }

  /** Ends what is left, so that the next run finds nothing of this one. */
  async leaveNothing(): Promise<void> {
    await this.psql.query(`update assessment_states set state = 'cancelled' where tenant_id = $1 and state in ('pending', 'processing')`, [
      this.actor.tenantId,
    ]);
  }
}

const expectedOf = (model: QueueModel, { assessmentId, state, version, retryCount, progress, claim, ...row }: ModelRow) => ({
  ...{ assessmentId, state, version, retryCount, progress },
  ...{ workerId: claim?.workerId ?? null, token: claim?.token ?? null, leaseRuns: claim === null ? null : claim.ends > model.now },
  cancelledToken: row.cancelledToken,
  ready: state === 'PENDING' ? row.ready : null,
  retryDue: row.dueAt === null ? null : row.dueAt < model.now,
  rankIsRight: true,
});
