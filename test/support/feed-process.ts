// Two feeds in a process of its own, one that is read and one that is not, for a test that looks at its memory: node --expose-gc --import tsx
// feed-process.ts DATABASE_URL. Told a number, it answers with its heap when the first feed has told of so many; told "read", it reads the other.
import { type FeedEntry, openStore } from '../../src/store/index.ts';
import { eventually } from './eventually.ts';

/** What the process answers. */
export interface FeedProcessAnswer {
  /** Bytes in use after a collection. */
  heap: number;
  /** What the feed that was not read has told in the end: the sequence of versions of each assessment. */
  told: Record<string, number[]>;
}

declare const gc: () => void;

const [, , databaseUrl = ''] = process.argv;
const log = { debug() {}, info() {}, warn() {}, error: console.error };
const store = await openStore({ databaseUrl, log, reconcileMs: 50, feedBuffer: 1_000, statementTimeoutMs: 60_000 });
const actor = { tenantId: 'default', subject: 'tester' };
const stopped = await store.feedAssessments({}, actor);
const read = await store.feedAssessments({}, actor);
let count = 0;
/** Kept until it is told to forget, to see what an update takes. */
let kept: FeedEntry[] | undefined = [];

async function readOn(): Promise<void> {
  for await (const entry of read) {
    count++;
    kept?.push(entry);
  }
}

async function readStopped(many: number): Promise<Record<string, number[]>> {
  const told: Record<string, number[]> = {};
  for (let left = many; left > 0; left--) {
    const { value } = await stopped.next();
    if (value === undefined) throw new Error('the feed ended');
    const { assessmentId, version } = value.assessment;
    const versions = told[assessmentId] ?? [];
    told[assessmentId] = versions;
    versions.push(version);
  }
  return told;
}

function answer(told: Record<string, number[]>): void {
  for (let round = 0; round < 3; round++) gc();
  process.send?.({ heap: process.memoryUsage().heapUsed, told } satisfies FeedProcessAnswer);
}

process.on('message', async (asked: number | 'forget' | 'read') => {
  if (asked === 'forget') kept = undefined;
  if (typeof asked === 'number') await eventually('the feed has told of all', () => count >= asked, 300_000);
  answer(asked === 'read' ? await readStopped(count) : {});
});
process.on('disconnect', () => void store.stop());
readOn().catch(() => {}); // when the store stops
answer({});
