import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { type AssessmentStore, openStore } from '../src/store/index.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
/** A tenant of its own, so that nothing that was restored is touched. */
const actor = { tenantId: `drill-${randomUUID()}`, subject: 'restore-drill' };

/** What the service cannot do on a database that was restored, in words; none when it works. */
export async function faultsOf(databaseUrl: string): Promise<string[]> {
  // Nothing that was due in the original happens in the copy meanwhile.
  const store = await openStore({ databaseUrl, log: silent, maintenanceMs: 3_600_000 });
  try {
    const lifecycle = await lifecycleFaults(store).catch((error: unknown) => [
      `an assessment cannot be brought to its end: ${String(error)}`,
    ]);
    return [...lifecycle, ...(await guardFaults(databaseUrl))];
  } finally {
    await store.stop();
  }
}

/** An assessment is created, claimed, completed and told of, and all of that is audited. */
async function lifecycleFaults(store: AssessmentStore): Promise<string[]> {
  const assessmentId = 'drill';
  await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
  const [claim] = await store.claimAssessments({ workerId: 'restore-drill', limit: 1 }, actor);
  if (claim === undefined) return ['a new assessment could not be claimed'];
  await store.completeAssessment({ assessmentId, result: { proven: true }, claimToken: claim.claimToken }, actor);
  const { assessment } = await store.waitForCompletion({ assessmentId, timeoutMs: 10_000 }, actor);
  const { items } = await store.auditTrail(assessmentId, { first: 10 }, actor);
  const story = items.map(({ node }) => `${node.versionTo} ${node.newState}`).join(', ');
  return [
    ...(assessment.state === 'COMPLETED' ? [] : [`a new assessment ended as ${assessment.state}`]),
    ...(story === '1 PENDING, 2 PROCESSING, 3 COMPLETED' ? [] : [`the audit trail of a new assessment says: ${story}`]),
  ];
}

/** The triggers are there: what the lifecycle does not allow is refused, also to a plain UPDATE. */
async function guardFaults(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query(`update assessment_states set state = 'pending' where tenant_id = $1`, [actor.tenantId]);
    return ['the database let a completed assessment go back to pending'];
  } catch (error) {
    const { code = '' } = error as { code?: string };
    return code.startsWith('AS') ? [] : [`the guard of the lifecycle failed: ${String(error)}`];
  } finally {
    await client.end();
  }
}
