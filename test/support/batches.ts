import type pg from 'pg';
import { type AssessmentStore, RefusalError } from '../../src/store/index.ts';
import { actor } from './test-store.ts';

/** `count` keys that begin alike, in the order of their numbers and of their letters. */
export const keysOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(5, '0')}`);

export async function createAll(store: AssessmentStore, keys: readonly string[]): Promise<void> {
  const results = await store.batchCreateAssessments(
    { assessments: keys.map((assessmentId) => ({ assessmentId, type: 'HEALTH' })) },
    actor,
  );
  const refused = results.find((result) => result instanceof RefusalError);
  if (refused !== undefined) throw refused;
}

/** Brings assessments through the given states, by plain SQL. */
export async function bringTo(psql: pg.Client, keys: readonly string[], ...states: string[]): Promise<void> {
  for (const state of states) {
    await psql.query("update assessment_states set state = $2::assessment_state, changed_by = 'test' where assessment_id = any($1)", [
      keys,
      state,
    ]);
  }
}

/** What became of each item: the code of its refusal, or OK. */
export const codesOf = (results: readonly unknown[]): string[] =>
  results.map((result) => (result instanceof RefusalError ? result.code : 'OK'));

/** How many assessments of a prefix are in which state and version, and how many audit rows they have. */
export async function census(psql: pg.Client, prefix: string): Promise<{ states: Record<string, number>; audited: number }> {
  const { rows } = await psql.query<{ state: string; many: number }>(
    `select state || ' ' || version as state, count(*)::int as many from assessment_states where starts_with(assessment_id, $1) group by 1 order by 1`,
    [prefix],
  );
  const audit = await psql.query<{ many: number }>(
    'select count(*)::int as many from assessment_state_audit where starts_with(assessment_id, $1)',
    [prefix],
  );
  return { states: Object.fromEntries(rows.map(({ state, many }) => [state, many])), audited: audit.rows[0]?.many ?? -1 };
}
