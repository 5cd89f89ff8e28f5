import type pg from 'pg';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { type PlanNode, planOf, type SentStatement } from './plans.ts';
import { createTestDatabase } from './test-database.ts';

/** A database of a test's own that nothing analyzes behind its back, and the plans of what is sent to it. */
export interface PlanBench {
  db: Database;
  psql: pg.Client;
  /** The nodes of the plans of all that `call` sends, each statement carried out a second time. */
  plansOf(call: () => Promise<unknown>, kind: 'generic' | 'custom'): Promise<PlanNode[]>;
  stop(): Promise<void>;
}

export async function openPlanBench(): Promise<PlanBench> {
  const database = await createTestDatabase();
  const db = openDatabase({ url: database.url, onStatement: () => {} });
  const sent: SentStatement[] = [];
  db.$on('query' as never, ({ query, params }: { query: string; params: string }) => {
    sent.push({ sql: query, values: JSON.parse(params) as unknown[] });
  });
  const psql = await database.connect();
  for (const table of ['states', 'state_audit']) await psql.query(`alter table assessment_${table} set (autovacuum_enabled = false)`);
  return {
    ...{ db, psql },
    plansOf: async (call, kind) => {
      sent.length = 0;
      await call();
      if (sent.length === 0) throw new Error('nothing was sent');
      const nodes: PlanNode[] = [];
      for (const statement of [...sent]) nodes.push(...(await planOf(psql, statement, kind)));
      return nodes;
    },
    stop: async () => {
      await db.$disconnect();
      await database.drop();
    },
  };
}
