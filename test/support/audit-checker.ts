import type { ClientBase } from 'pg';
import { assessmentStates, transitions } from '../../src/store/index.ts';

/** One place where the audit trail and the assessments do not tell the same story. */
export interface AuditFlaw {
  assessmentId: string;
  /** The version at which it shows; null where a whole trail or assessment is missing. */
  version: number | null;
  flaw: string;
}

/** From state, to state, as the database writes them: every change that may stand in an audit trail. A change that keeps the state counts. */
const legalPairs: [string, string][] = assessmentStates.flatMap((from) => [
  ...transitions[from].map((to): [string, string] => [from.toLowerCase(), to.toLowerCase()]),
  ...(from === 'PENDING' || from === 'PROCESSING' ? [[from.toLowerCase(), from.toLowerCase()] as [string, string]] : []),
]);

/**
 * Every gap, fork, illegal pair of states and mismatch between `assessment_states` and its audit trail, in one statement. It judges by
 * the table in src/store/lifecycle.ts, not by the function in the database that the trigger uses. Empty when all is well.
 */
export async function findAuditFlaws(client: ClientBase): Promise<AuditFlaw[]> {
  const { rows } = await client.query<AuditFlaw>(
    `with legal as (select * from unnest($1::assessment_state[], $2::assessment_state[]) as pair (old_state, new_state)),
    trail as (
      select a.*, lag(version_to) over way as earlier_version, lag(new_state) over way as earlier_state, lag(seq) over way as earlier_seq,
        lag(created_at) over way as earlier_time, lead(version_to) over way is null as is_last,
        count(*) over (partition by tenant_id, assessment_id, version_to) as rivals
      from assessment_state_audit a window way as (partition by tenant_id, assessment_id order by version_to, seq)
    ),
    flaws as (
      select assessment_id, version_to, 'does not begin with its creation' as flaw from trail
        where earlier_version is null and (old_state, version_from) is distinct from (null, null)
      union all select assessment_id, version_to, 'does not begin as pending, version 1' from trail
        where earlier_version is null and (new_state, version_to) is distinct from ('pending', 1)
      union all select assessment_id, version_to, 'gap: does not follow the version before it' from trail
        where earlier_version is not null and (version_from is distinct from earlier_version or version_to <> earlier_version + 1)
      union all select assessment_id, version_to, 'fork: two changes lead to this version' from trail where rivals > 1
      union all select assessment_id, version_to, 'does not go on from the state before it' from trail
        where earlier_version is not null and old_state is distinct from earlier_state
      union all select assessment_id, version_to, format('illegal change from %s to %s', old_state, new_state) from trail
        where old_state is not null and (old_state, new_state) not in (select old_state, new_state from legal)
      union all select assessment_id, version_to, 'was written out of order' from trail
        where seq <= earlier_seq or created_at < earlier_time
      union all select t.assessment_id, t.version_to, 'ends otherwise than the assessment is' from trail t
        join assessment_states s using (tenant_id, assessment_id)
        where t.is_last and (t.version_to, t.new_state, t.progress, t.retry_count, t.changed_by, t.message, t.error_message, t.next_retry_at, t.claimed_by)
          is distinct from (s.version, s.state, s.progress, s.retry_count, s.changed_by, s.message, s.error_message, s.next_retry_at, s.claimed_by)
      union all select s.assessment_id, null, 'has no audit trail' from assessment_states s
        where not exists (select from assessment_state_audit a where a.tenant_id = s.tenant_id and a.assessment_id = s.assessment_id)
      union all select distinct a.assessment_id, null::int, 'an audit trail of no assessment' from assessment_state_audit a
        where not exists (select from assessment_states s where a.tenant_id = s.tenant_id and a.assessment_id = s.assessment_id)
    )
    select assessment_id as "assessmentId", version_to as version, flaw from flaws order by 1, 2, 3`,
    [legalPairs.map(([from]) => from), legalPairs.map(([, to]) => to)],
  );
  return rows;
}
