import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import type { Actor, AssessmentStore } from '../../src/store/index.ts';

/** One thing that happens while transactions overlap. */
export interface Act {
  what: 'create' | 'change' | 'savepoint' | 'back to savepoint' | 'commit' | 'roll back' | 'command' | 'open' | 'settle';
  /** Which session, store or feed. */
  who: number;
  /** Which assessment, or cursor. */
  which: number;
}

export const anyAct: fc.Arbitrary<Act> = fc.record({
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('create' as const, 'command' as const) },
    { weight: 8, arbitrary: fc.constant('change' as const) },
    { weight: 5, arbitrary: fc.constantFrom('commit' as const) },
    { weight: 3, arbitrary: fc.constantFrom('savepoint' as const, 'back to savepoint' as const, 'roll back' as const) },
    { weight: 3, arbitrary: fc.constantFrom('open' as const, 'settle' as const) },
  ),
  who: fc.nat(100),
  which: fc.nat(10_000),
});

interface Row {
  tenantId: string;
  assessmentId: string;
  isRunning: boolean;
}

/** A write of an open transaction. */
type Write = { row: Row; isNew: boolean };

/** Somebody at psql, with at most one transaction open. */
class Session {
  readonly psql: pg.Client;
  isOpen = false;
  writes: Write[] = [];
  savepoints: number[] = [];

  constructor(psql: pg.Client) {
    this.psql = psql;
  }

  holds(row: Row): boolean {
    return this.writes.some((write) => write.row === row);
  }

  async begin(): Promise<void> {
    if (!this.isOpen) await this.psql.query('begin');
    this.isOpen = true;
  }

  async end(how: 'commit' | 'rollback'): Promise<Write[]> {
    const { writes } = this;
    if (this.isOpen) await this.psql.query(how);
    Object.assign(this, { isOpen: false, writes: [], savepoints: [] });
    return writes;
  }
}

/** Sessions whose transactions overlap as they like, beside commands of stores, on the assessments of a tenant and of a stranger. */
export class Overlapping {
  readonly actor: Actor = { tenantId: randomUUID(), subject: 'overlapping' };
  readonly #stranger = `${this.actor.tenantId}-stranger`;
  readonly #sessions: Session[];
  readonly #stores: readonly AssessmentStore[];
  readonly #onlooker: pg.Client;
  #rows: Row[] = [];
  #made = 0;

  /** The first of the clients only looks on. */
  constructor([onlooker, ...sessions]: readonly [pg.Client, ...pg.Client[]], stores: readonly AssessmentStore[]) {
    this.#onlooker = onlooker;
    this.#sessions = sessions.map((psql) => new Session(psql));
    this.#stores = stores;
  }

  async write({ what, who, which }: Act): Promise<void> {
    const session = pick(this.#sessions, who);
    switch (what) {
      case 'create':
        return this.#create(session, which);
      case 'change':
        return this.#change(session, which);
      case 'savepoint':
        if (session.isOpen) await session.psql.query(`savepoint s${session.savepoints.push(session.writes.length)}`);
        return;
      case 'back to savepoint':
        return this.#back(session);
      case 'commit':
        await session.end('commit');
        return;
      case 'roll back':
        return this.#forget(await session.end('rollback'));
      default:
        return this.#command(pick(this.#stores, who), which);
    }
  }

  async commitAll(): Promise<void> {
    for (const session of this.#sessions) await session.end('commit');
  }

  /** The versions that are committed, as `versionOf` names them. */
  async committed(): Promise<string[]> {
    const { rows } = await this.#onlooker.query<{ name: string }>(
      `select assessment_id || ' ' || version_to as name from assessment_state_audit where tenant_id = $1`,
      [this.actor.tenantId],
    );
    return rows.map(({ name }) => name);
  }

  async #create(session: Session, which: number): Promise<void> {
    const row = { ...this.#newKey(which), isRunning: true };
    await session.begin();
    await session.psql.query(
      `insert into assessment_states (id, tenant_id, assessment_id, type, source, request_data, request_hash)
       values (gen_random_uuid(), $1, $2, 'health', 'api', '{}', '')`,
      [row.tenantId, row.assessmentId],
    );
    session.writes.push({ row, isNew: true });
    this.#rows.push(row);
  }

  /** Changes a row that nobody else holds: a session never waits for another. */
  async #change(session: Session, which: number): Promise<void> {
    const free = this.#rows.filter((row) => session.holds(row) || !this.#isHeld(row));
    if (free.length === 0) return;
    const row = pick(free, which);
    await session.begin();
    await session.psql.query('update assessment_states set message = $3 where tenant_id = $1 and assessment_id = $2', [
      ...[row.tenantId, row.assessmentId],
      randomUUID(),
    ]);
    session.writes.push({ row, isNew: false });
  }

  async #back(session: Session): Promise<void> {
    const kept = session.savepoints.pop();
    if (kept === undefined) return;
    await session.psql.query(`rollback to savepoint s${session.savepoints.length + 1}`);
    this.#forget(session.writes.splice(kept));
  }

  async #command(store: AssessmentStore, which: number): Promise<void> {
    const waiting = this.#rows.filter((row) => !row.isRunning && !this.#isHeld(row));
    if (waiting.length === 0 || which % 2 === 0) {
      const row = { ...this.#newKey(which), isRunning: false };
      await store.createAssessment({ assessmentId: row.assessmentId, type: 'HEALTH' }, { ...this.actor, tenantId: row.tenantId });
      this.#rows.push(row);
      return;
    }
    const row = pick(waiting, which);
    row.isRunning = true;
    await store.startProcessing({ assessmentId: row.assessmentId }, { ...this.actor, tenantId: row.tenantId });
  }

  /** Every fourth belongs to the stranger, who uses the same names. */
  #newKey(which: number): { tenantId: string; assessmentId: string } {
    return { tenantId: which % 4 === 0 ? this.#stranger : this.actor.tenantId, assessmentId: `row-${this.#made++}` };
  }

  #isHeld(row: Row): boolean {
    return this.#sessions.some((session) => session.holds(row));
  }

  #forget(writes: readonly Write[]): void {
    const gone = new Set(writes.filter(({ isNew }) => isNew).map(({ row }) => row));
    this.#rows = this.#rows.filter((row) => !gone.has(row));
  }
}

const pick = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
