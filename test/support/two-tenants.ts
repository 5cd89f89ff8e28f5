import type pg from 'pg';
import type { Actor, AssessmentStore } from '../../src/store/index.ts';

/** Two who have nothing to do with each other. */
export const [acme, globex]: [Actor, Actor] = [
  { tenantId: 'acme', subject: 'alice' },
  { tenantId: 'globex', subject: 'gina' },
];

/** What there is to know of the assessments of a tenant, by which somebody else could try to get at them. */
export interface Known {
  /** One in each state, by its key. */
  assessmentIds: string[];
  /** Their ids (UUIDs). */
  ids: string[];
  claimToken: string;
  cancelledClaimToken: string;
  auditSeq: string;
  listCursor: string;
  auditCursor: string;
  feedCursor: string;
}

/** An assessment in each state, and one claimed, by a tenant. */
export async function fillTenant(store: AssessmentStore, actor: Actor, name = actor.tenantId): Promise<Known> {
  const feedCursor = await store.feedCursor(actor);
  const states = ['claimed', 'cancelled-claim', 'pending', 'processing', 'completed', 'failed', 'cancelled'];
  const assessmentIds = states.map((state) => `${name} ${state}`);
  const [claimed = '', cancelledClaim = '', , processing = '', completed = '', failed = '', cancelled = ''] = assessmentIds;
  const claim = async (assessmentId: string): Promise<string> => {
    await store.createAssessment({ assessmentId, type: 'SECURITY', serverName: name, metadata: { secret: name } }, actor);
    const [claimed] = await store.claimAssessments({ workerId: 'w', types: ['SECURITY'], leaseMs: 3_600_000 }, actor);
    return claimed?.claimToken ?? '';
  };
  const claimToken = await claim(claimed);
  const cancelledClaimToken = await claim(cancelledClaim);
  await store.cancelAssessment({ assessmentId: cancelledClaim }, actor);
  for (const assessmentId of assessmentIds.slice(2))
    await store.createAssessment({ assessmentId, type: 'HEALTH', serverName: name, metadata: { secret: name } }, actor);
  for (const assessmentId of [processing, completed, failed]) await store.startProcessing({ assessmentId }, actor);
  await store.completeAssessment({ assessmentId: completed, result: { secret: name } }, actor);
  await store.failAssessment({ assessmentId: failed, error: name }, actor);
  await store.cancelAssessment({ assessmentId: cancelled, reason: name }, actor);
  const list = await store.listAssessments({ first: 3 }, actor);
  const trail = await store.auditTrail(completed, { first: 1 }, actor);
  return {
    ...{ assessmentIds, claimToken, cancelledClaimToken, feedCursor },
    ids: (await store.listAssessments({ first: 100 }, actor)).items.map(({ node }) => node.id),
    auditSeq: String(trail.items[0]?.node.seq),
    listCursor: list.items.at(-1)?.cursor ?? '',
    auditCursor: trail.items[0]?.cursor ?? '',
  };
}

/** Every row of a tenant, in every table that has any. */
export async function rowsOf(psql: pg.Client, { tenantId }: Actor): Promise<unknown[]> {
  const rows = async (sql: string) => (await psql.query(sql, [tenantId])).rows;
  return [
    await rows('select * from assessment_states where tenant_id = $1 order by id'),
    await rows('select *, txid::text as txid from assessment_state_audit where tenant_id = $1 order by seq'),
    await rows('select *, txid::text as txid, cut_by::text as cut_by from assessment_log_cut where tenant_id = $1 order by id'),
  ];
}
