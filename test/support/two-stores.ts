import { expect } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from './audit-checker.ts';
import { eventually } from './eventually.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { TestLog } from './test-log.ts';
import { noteForeground } from './test-store.ts';

/** Two instances on one database and one Redis. */
export interface TwoStores {
  one: AssessmentStore;
  two: AssessmentStore;
  database: TestDatabase;
  /** What both have sent since the last `statements.length = 0`, without the loops. */
  statements: string[];
  busesAre(status: 'HEALTHY' | 'DEGRADED'): Promise<unknown>;
  /** Stops both, after a look at the audit trail. */
  close(): Promise<void>;
}

/** Unless `reconcileMs` says otherwise, no tick comes within a test: what arrives, arrives because somebody was told. */
export async function openTwoStores(redisUrl: string, reconcileMs = 3_600_000): Promise<TwoStores> {
  const database = await createTestDatabase();
  const statements: string[] = [];
  const open = () =>
    openStore({
      ...{ databaseUrl: database.url, redisUrl, reconcileMs, maintenanceMs: 3_600_000, retryBaseMs: 300, cacheEntries: 0 },
      ...{ log: new TestLog(), onStatement: noteForeground(statements) },
    });
  const [one, two] = [await open(), await open()];
  const busOf = async (store: AssessmentStore) => (await store.getHealthStatus()).checks.find(({ name }) => name === 'bus')?.status;
  const busesAre = (status: string) =>
    eventually(`both buses are ${status}`, async () => (await busOf(one)) === status && (await busOf(two)) === status, 20_000);
  await busesAre('HEALTHY');
  return {
    ...{ one, two, database, statements, busesAre },
    close: async () => {
      const flaws = await findAuditFlaws(await database.connect());
      await Promise.all([one.stop(), two.stop()]);
      await database.drop();
      expect(flaws).toEqual([]);
    },
  };
}
