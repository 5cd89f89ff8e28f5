import DataLoader from 'dataloader';
import { type Assessment, type AssessmentKey, keyString } from './assessment.ts';
import type { Database } from './database.ts';
import { readByKeys } from './read-assessments.ts';
import { Turns } from './turns.ts';

const concurrency = 2;
const maxKeys = 1_000;

/**
 * Reads assessments as they are in the database now, or later. While statements are under way, those who ask share the next one: when
 * thousands of watches begin again at once, they do not wait for thousands of statements.
 */
export function latestReader(db: Database): (key: AssessmentKey) => Promise<Assessment | undefined> {
  const turns = new Turns(concurrency);
  const read = async (keys: readonly AssessmentKey[]): Promise<(Assessment | undefined)[]> => {
    try {
      const rows = new Map((await readByKeys(db, keys)).map((row) => [keyString(row), row]));
      return keys.map((key) => rows.get(keyString(key)));
    } finally {
      turns.done();
    }
  };
  const loader = new DataLoader(read, { cache: false, maxBatchSize: maxKeys, batchScheduleFn: (send) => turns.take(send) });
  return (key) => loader.load(key);
}
