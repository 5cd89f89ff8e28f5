import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { Checker, type Verdict } from './checker.ts';
import type { Line } from './line.ts';
import { readTrail, type Trail } from './trail.ts';

export interface CheckOptions {
  databaseUrl: string;
  /** The folder with the journals. */
  folder: string;
  /** How many subscribers there have to be at least. */
  subscribers: number;
}

export interface Checked extends Verdict {
  assessments: number;
  /** Changes in the audit trail. */
  changes: number;
}

/** So ends the name of a journal. */
export const journalSuffix = '.jsonl';

/** Reads the audit trail and the journals of a run, and says where they disagree, and where the audit trail is none. */
export async function check({ databaseUrl, folder, subscribers }: CheckOptions): Promise<Checked> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const trail = await readTrail(client);
    const flaws = (await findAuditFlaws(client)).map((flaw) => ({ subscriber: 'audit trail', piece: null, ...flaw }));
    const verdict = await checkJournals(trail, folder, subscribers);
    return { ...verdict, assessments: trail.assessmentIds.length, changes: trail.size, flaws: [...flaws, ...verdict.flaws] };
  } finally {
    await client.end();
  }
}

async function checkJournals(trail: Trail, folder: string, subscribers: number): Promise<Verdict> {
  const checker = new Checker(trail);
  for (const name of (await readdir(folder)).filter((each) => each.endsWith(journalSuffix))) {
    for await (const text of createInterface({ input: createReadStream(join(folder, name)) })) checker.take(JSON.parse(text) as Line);
  }
  return checker.verdict(subscribers);
}
