import type { ClientBase } from 'pg';
import { type AssessmentState, isTerminal, type UpdateKind } from '../../src/store/index.ts';
import type { Looked } from './selection.ts';

/** A change, as the audit trail has it. */
export interface TrailEntry extends Looked {
  version: number;
  kind: UpdateKind;
  txid: bigint;
  /** Milliseconds since 1970, by the clock of the database. */
  at: number;
}

/** The audit trail: what really happened. */
export class Trail {
  readonly #entries = new Map<string, TrailEntry[]>();

  /** @param entries those of one assessment in the order of their versions, from 1 on. */
  constructor(entries: Iterable<TrailEntry>) {
    for (const entry of entries) this.#add(entry);
  }

  get assessmentIds(): string[] {
    return [...this.#entries.keys()];
  }

  /** How many changes there are. */
  get size(): number {
    return [...this.#entries.values()].reduce((sum, entries) => sum + entries.length, 0);
  }

  /** All versions of an assessment, in order; empty when there is none. */
  of(assessmentId: string): readonly TrailEntry[] {
    return this.#entries.get(assessmentId) ?? [];
  }

  at(assessmentId: string, version: number): TrailEntry | undefined {
    return this.#entries.get(assessmentId)?.[version - 1];
  }

  /** The first end from a version on; undefined when none follows. */
  firstEndFrom(assessmentId: string, version: number): TrailEntry | undefined {
    return this.of(assessmentId).find((entry) => entry.version >= version && isTerminal(entry.state));
  }

  #add(entry: TrailEntry): void {
    const entries = this.#entries.get(entry.assessmentId);
    if (entries === undefined) this.#entries.set(entry.assessmentId, [entry]);
    else entries.push(entry);
  }
}

interface Row {
  assessment_id: string;
  version_to: number;
  old_state: string | null;
  new_state: string;
  progress: number;
  retry_count: number;
  is_scheduled: boolean;
  server_name: string;
  txid: string;
  at: string;
}

/** Reads the audit trail. Whether it is one without gaps and forks is for `findAuditFlaws` to say. */
export async function readTrail(client: ClientBase): Promise<Trail> {
  const { rows } = await client.query<Row>(
    `select a.assessment_id, a.version_to, a.old_state, a.new_state, a.progress, a.retry_count, a.next_retry_at is not null as is_scheduled,
       coalesce(s.server_name, '') as server_name, a.txid::text, floor(extract(epoch from a.created_at) * 1000)::text as at
     from assessment_state_audit a join assessment_states s using (tenant_id, assessment_id)
     order by a.assessment_id, a.version_to`,
  );
  return new Trail(rows.map(entryOf));
}

const entryOf = (row: Row): TrailEntry => ({
  assessmentId: row.assessment_id,
  serverName: row.server_name,
  version: row.version_to,
  state: stateOf(row.new_state),
  kind: kindOf(row),
  progress: row.progress,
  retryCount: row.retry_count,
  txid: BigInt(row.txid),
  at: Number(row.at),
});

const stateOf = (label: string): AssessmentState => label.toUpperCase() as AssessmentState;

/** By what the API says of the kinds, not by the code behind it. */
function kindOf({ old_state, new_state, is_scheduled }: Row): UpdateKind {
  if (old_state === null) return 'CREATED';
  if (old_state === new_state) return 'PROGRESS';
  if (new_state === 'processing') return 'STARTED';
  if (new_state === 'pending') return old_state === 'failed' || is_scheduled ? 'RETRIED' : 'RELEASED';
  return stateOf(new_state) as UpdateKind;
}
