import type { ClientBase } from 'pg';

/** One node of a plan as it was carried out. */
export interface PlanNode {
  type: string;
  relation: string | undefined;
  index: string | undefined;
  /** How many rows it gave, over all its rounds. */
  rows: number;
  /** How many rows it read and threw away, over all its rounds. */
  removed: number;
}

/** A statement with the values that it was sent with. */
export interface SentStatement {
  sql: string;
  values: readonly unknown[];
}

/** The nodes of the plan of a statement, which is carried out and rolled back; `generic`: the plan for whatever values, as a prepared one has. */
export async function planOf(psql: ClientBase, { sql, values }: SentStatement, kind: 'generic' | 'custom'): Promise<PlanNode[]> {
  await psql.query('begin');
  try {
    await psql.query(`set local plan_cache_mode = force_${kind}_plan`);
    await psql.query(`prepare planned as ${sql}`);
    const { rows } = await psql.query(`explain (analyze, format json) execute planned${listOf(values)}`);
    return nodesOf(rows[0]['QUERY PLAN'][0].Plan);
  } finally {
    await psql.query('rollback');
    await psql.query('deallocate all');
  }
}

const listOf = (values: readonly unknown[]): string => (values.length > 0 ? `(${values.map(literalOf).join(', ')})` : '');

type RawNode = Record<string, unknown> & { Plans?: RawNode[] };

function nodesOf(node: RawNode): PlanNode[] {
  const rounds = Number(node['Actual Loops']);
  const own: PlanNode = {
    type: String(node['Node Type']),
    relation: node['Relation Name'] as string | undefined,
    index: node['Index Name'] as string | undefined,
    rows: Number(node['Actual Rows']) * rounds,
    removed: Number(node['Rows Removed by Filter'] ?? 0) * rounds,
  };
  return [own, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `'{${value.map((item) => JSON.stringify(item)).join(',')}}'`;
  return typeof value === 'number' ? String(value) : `'${String(value).replaceAll("'", "''")}'`;
}
