import { type Actor, type AssessmentStore, openStore, type StoreOptions } from '../../src/store/index.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { TestLog } from './test-log.ts';

export const actor: Actor = { tenantId: 'default', subject: 'tester' };

/** A store on a database of its own. */
export interface TestStore {
  store: AssessmentStore;
  database: TestDatabase;
  log: TestLog;
  /** Every SQL statement since the last `statements.length = 0`, without those of the loops in the background. */
  statements: string[];
  stop(): Promise<void>;
}

const background = /^\/\* (indexWaiting|expireClaims|readyRetries) \*\//;

/** Notes the statements that somebody asked for. */
export const noteForeground = (statements: string[]) => (sql: string) => {
  if (!background.test(sql)) statements.push(sql);
};

export async function startTestStore(options: Partial<StoreOptions> = {}): Promise<TestStore> {
  const database = await createTestDatabase();
  const log = new TestLog();
  const statements: string[] = [];
  const store = await openStore({ databaseUrl: database.url, log, onStatement: noteForeground(statements), ...options });
  return {
    ...{ store, database, log, statements },
    stop: async () => {
      await store.stop();
      await database.drop();
    },
  };
}
