import DataLoader from 'dataloader';
import type { Actor, Assessment, JsonObject } from './assessment.ts';
import { type AuditEntry, auditWindow, readAuditEntries, readAuditTrails } from './audit-trail.ts';
import type { AssessmentCache } from './cache.ts';
import type { Connection, Page } from './cursor.ts';
import type { Database } from './database.ts';
import { isFinal } from './lifecycle.ts';
import { readByIds, readByKeys, readRequests, readResults } from './read-assessments.ts';

/**
 * Reads by key for one request, or for one event of a subscription: what is asked for in one go is read in one statement, and what
 * was read once is not read again. Make new ones for every request and every event, or they answer with yesterday's state.
 */
export interface Loaders {
  assessment: DataLoader<string, Assessment | null>;
  /** By id (UUID). */
  assessmentById: DataLoader<string, Assessment | null>;
  request: DataLoader<string, JsonObject>;
  result: DataLoader<string, JsonObject | null>;
  /** The same page of the trails of many assessments is one statement. */
  auditTrail(assessment: Assessment, page: Page): Promise<Connection<AuditEntry>>;
  auditEntry: DataLoader<string, AuditEntry | null>;
}

export function createLoaders(db: Database, cache: AssessmentCache, { tenantId }: Actor): Loaders {
  const trails = new Map<string, DataLoader<string, Connection<AuditEntry>>>();
  return {
    assessment: new DataLoader((ids) => readThrough(db, cache, tenantId, ids)),
    assessmentById: new DataLoader(async (ids) => inOrder(ids, await readByIds(db, tenantId, ids), (row) => row.id)),
    request: new DataLoader(async (ids) =>
      inOrder(ids, await readRequests(db, tenantId, ids), (row) => row.id).map((row) => row?.requestData ?? gone),
    ),
    result: new DataLoader(async (ids) =>
      inOrder(ids, await readResults(db, tenantId, ids), (row) => row.id).map((row) => row?.resultData ?? null),
    ),
    auditEntry: new DataLoader(async (seqs) =>
      inOrder(seqs, await readAuditEntries(db, tenantId, seqs.map(BigInt)), (row) => String(row.seq)),
    ),
    async auditTrail({ assessmentId }, page) {
      const window = auditWindow(page);
      const name = JSON.stringify(window);
      let loader = trails.get(name);
      if (loader === undefined) {
        loader = new DataLoader((ids) => readAuditTrails(db, keysOf(tenantId, ids), window));
        trails.set(name, loader);
      }
      return loader.load(assessmentId);
    },
  };
}

const gone = new Error('the assessment was deleted while it was being read');

async function readThrough(db: Database, cache: AssessmentCache, tenantId: string, ids: readonly string[]): Promise<(Assessment | null)[]> {
  const keys = keysOf(tenantId, ids);
  const cached = await cache.get(keys);
  const missing = keys.filter((_, index) => cached[index] === undefined);
  const rows = missing.length > 0 ? await readByKeys(db, missing) : [];
  cache.put(rows.filter((row) => isFinal(row.state)));
  const read = inOrder(ids, rows, (row) => row.assessmentId);
  return cached.map((assessment, index) => assessment ?? read[index] ?? null);
}

const keysOf = (tenantId: string, ids: readonly string[]) => ids.map((assessmentId) => ({ tenantId, assessmentId }));

function inOrder<Row>(keys: readonly string[], rows: readonly Row[], keyOf: (row: Row) => string): (Row | null)[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  return keys.map((key) => byKey.get(key) ?? null);
}
