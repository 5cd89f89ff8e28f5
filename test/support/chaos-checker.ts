import type { ClientBase } from 'pg';
import type { Chaos } from './queue-chaos.ts';

interface Entry {
  assessmentId: string;
  version: number;
  oldState: string | null;
  newState: string;
  claimedBy: string | null;
  reason: string | null;
}

/** Every place where what the actors were told and what the audit trail says cannot both be true. */
export async function findChaosFlaws(psql: ClientBase, tenantId: string, chaos: Chaos): Promise<string[]> {
  const { rows } = await psql.query<Entry>(
    `select assessment_id as "assessmentId", version_to as version, old_state as "oldState", new_state as "newState", claimed_by as "claimedBy",
      change_reason as reason
     from assessment_state_audit where tenant_id = $1 order by assessment_id, version_to`,
    [tenantId],
  );
  return [...claimFlaws(rows, chaos), ...reportFlaws(rows, chaos), ...endFlaws(rows, chaos), ...releaseFlaws(rows, chaos)];
}

const isStart = ({ oldState, newState }: Entry): boolean => oldState === 'pending' && newState === 'processing';

/** The start of the attempt that the change belongs to. */
const startOf = (entries: readonly Entry[], assessmentId: string, version: number): Entry | undefined =>
  entries.findLast((entry) => entry.assessmentId === assessmentId && entry.version <= version && isStart(entry));

function claimFlaws(entries: readonly Entry[], { claims }: Chaos): string[] {
  const flaws = claims.flatMap(({ assessmentId, version, workerId }) => {
    const entry = entries.find((each) => each.assessmentId === assessmentId && each.version === version);
    return entry !== undefined && isStart(entry) && entry.claimedBy === workerId
      ? []
      : [`${assessmentId} ${version}: not claimed by ${workerId}`];
  });
  const starts = new Set(claims.map(({ assessmentId, version }) => `${assessmentId} ${version}`));
  if (starts.size !== claims.length) flaws.push('two were given the same claim');
  if (new Set(claims.map(({ token }) => token)).size !== claims.length) flaws.push('two claims have the same token');
  const claimed = entries.filter((entry) => isStart(entry) && entry.claimedBy !== null);
  const nobodys = claimed.filter(({ assessmentId, version }) => !starts.has(`${assessmentId} ${version}`));
  return [...flaws, ...nobodys.map(({ assessmentId, version }) => `${assessmentId} ${version}: claimed, and given to nobody`)];
}

/** The fence: a report is only ever accepted with the token of the attempt that it belongs to, and before its lease ran out. */
function reportFlaws(entries: readonly Entry[], { claims, reports, runOut }: Chaos): string[] {
  return reports.flatMap(({ verb, assessmentId, version, token }) => {
    const start = startOf(entries, assessmentId, version);
    const valid = claims.find((claim) => claim.assessmentId === assessmentId && claim.version === start?.version)?.token ?? null;
    if (token !== valid) return [`${assessmentId} ${version}: ${verb} was accepted with a token that was not valid then`];
    const last = token === null ? undefined : runOut.get(token);
    return last !== undefined && version > last ? [`${assessmentId} ${version}: ${verb} was accepted after the lease had run out`] : [];
  });
}

/** Every end that was reported is in the trail, and no other. */
function endFlaws(entries: readonly Entry[], { reports }: Chaos): string[] {
  const ends = reports.filter(({ verb }) => verb !== 'progress').map(({ assessmentId, version }) => `${assessmentId} ${version}`);
  const trail = entries
    .filter(({ newState, reason }) => newState === 'completed' || reason === 'chaos error')
    .map(({ assessmentId, version }) => `${assessmentId} ${version}`);
  return ends.sort().join() === trail.sort().join() ? [] : ['the ends that were accepted are not the ends in the trail'];
}

function releaseFlaws(entries: readonly Entry[], { claims, releases }: Chaos): string[] {
  if (new Set(releases).size !== releases.length) return ['a claim was released twice'];
  const trail = entries.filter(({ reason }) => reason === 'chaos release');
  const released = trail
    .map(({ assessmentId, version }) => startOf(entries, assessmentId, version - 1))
    .map((start) => {
      return claims.find((claim) => claim.assessmentId === start?.assessmentId && claim.version === start.version)?.token;
    });
  return released.sort().join() === [...releases].sort().join() ? [] : ['the releases that were answered are not those in the trail'];
}
