import type { Actor, AssessmentKey } from './assessment.ts';
import { chunkSize } from './batch-entries.ts';
import { type CleanupOldAssessments, checkCleanup } from './batch-inputs.ts';
import type { Commands } from './commands.ts';
import type { Database } from './database.ts';
import { countEnded, type Deleted, daysAgo, deleteEnded } from './delete-ended.ts';
import { UnavailableError } from './errors.ts';

export interface CleanupOptions {
  db: Database;
  commands: Commands;
  /** Told of those that are no longer there. */
  onDeleted: (keys: readonly AssessmentKey[]) => void;
}

/** Deletes what ended long ago, in chunks of 500, each a short transaction. */
export class Cleanup {
  readonly #options: CleanupOptions;
  #stopped = false;

  constructor(options: CleanupOptions) {
    this.#options = options;
  }

  /** Lets the chunks under way be the last. */
  stop(): void {
    this.#stopped = true;
  }

  /** Gives how many there were. */
  async cleanupOldAssessments(input: CleanupOldAssessments, { tenantId }: Actor): Promise<number> {
    const { retentionDays, dryRun } = checkCleanup(input);
    const { db, commands } = this.#options;
    const before = await daysAgo(db, retentionDays);
    return dryRun ? countEnded(db, tenantId, before) : commands.tracked(this.#deleteAll(tenantId, before));
  }

  async #deleteAll(tenantId: string, before: Date): Promise<number> {
    const { db, commands, onDeleted } = this.#options;
    let count = 0;
    for (let after: Deleted | undefined; ; ) {
      if (this.#stopped) throw stopping(count);
      const place = after;
      const chunk = await commands.committed(
        () => deleteEnded(db, tenantId, before, place, chunkSize),
        () => [],
      );
      onDeleted(chunk);
      count += chunk.length;
      if (chunk.length < chunkSize) return count;
      after = chunk.at(-1);
    }
  }
}

const stopping = (count: number): UnavailableError =>
  new UnavailableError('OVERLOADED', `The service is stopping. ${count} assessments were deleted; ask again for the rest.`, 1_000);
