import { Prisma } from '../generated/prisma/client.ts';
import type { Actor } from './assessment.ts';
import { chunkSize } from './batch-entries.ts';
import { type BatchCancelAssessments, type BatchRetryFailedAssessments, checkCancel, checkRetryFailed } from './batch-inputs.ts';
import { type BulkChange, changeNext, type Place } from './bulk-change.ts';
import type { Commands } from './commands.ts';
import type { Database } from './database.ts';
import { InvalidInputError } from './errors.ts';
import { filterToSql } from './filter.ts';
import { isUnlimited } from './filter-extent.ts';

export interface BulkCommandsOptions {
  db: Database;
  commands: Commands;
}

/** Commands on all assessments that match a filter, in chunks of 500, each a transaction of its own. */
export class BulkCommands {
  readonly #options: BulkCommandsOptions;

  constructor(options: BulkCommandsOptions) {
    this.#options = options;
  }

  /** FAILED to PENDING: a new round. Gives the keys of those that were changed, the oldest first. */
  async batchRetryFailedAssessments(input: BatchRetryFailedAssessments, { tenantId, subject }: Actor): Promise<string[]> {
    const { maxRetries, where, limit, reason } = checkRetryFailed(input);
    const conditions = [Prisma.sql`s.retry_count < ${maxRetries}::int`, ...(where ? [filterToSql(where)] : [])];
    return this.#changeAll({ tenantId, from: ['FAILED'], to: 'PENDING', conditions, changedBy: subject, reason }, limit);
  }

  /** PENDING or PROCESSING to CANCELLED. Gives the keys of those that were changed, the oldest first. */
  async batchCancelAssessments(input: BatchCancelAssessments, { tenantId, subject }: Actor): Promise<string[]> {
    const { where, limit, reason } = checkCancel(input);
    const conditions = [filterToSql(where)];
    if (isUnlimited(where))
      throw new InvalidInputError([{ path: ['where'], message: 'must have a condition: this would cancel everything' }]);
    return this.#changeAll({ tenantId, from: ['PENDING', 'PROCESSING'], to: 'CANCELLED', conditions, changedBy: subject, reason }, limit);
  }

  #changeAll(change: BulkChange, limit: number): Promise<string[]> {
    return this.#options.commands.tracked(this.#changeInChunks(change, limit));
  }

  async #changeInChunks(change: BulkChange, limit: number): Promise<string[]> {
    const { db, commands } = this.#options;
    const changed: string[] = [];
    for (let after: Place | undefined; changed.length < limit; ) {
      const size = Math.min(chunkSize, limit - changed.length);
      const place = after;
      const chunk = await commands.committed(
        () => changeNext(db, change, place, size),
        (changes) => [...changes],
      );
      commands.noteBatch('changeNext', chunk.length);
      changed.push(...chunk.map(({ assessment }) => assessment.assessmentId));
      if (chunk.length < size) break;
      after = chunk.at(-1)?.assessment;
    }
    return changed;
  }
}
