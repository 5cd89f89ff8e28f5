import { setImmediate as nextTurn } from 'node:timers/promises';
import { allRefused } from './all-refused.ts';
import type { Actor, Assessment, AssessmentKey } from './assessment.ts';
import { runAtomically } from './atomic-batch.ts';
import { checkEntries, chunksOf } from './batch-entries.ts';
import { type BatchCompleteAssessments, type BatchCreateAssessments, type BatchUpdateProgress, checkBatch } from './batch-inputs.ts';
import { type BatchKind, completions, creations, progressUpdates } from './batch-kind.ts';
import type { Commands } from './commands.ts';
import type { Database } from './database.ts';
import type { RefusalError } from './errors.ts';
import type { Logger } from './logger.ts';
import type { Created } from './new-assessment.ts';
import { runSeparately } from './separate-batch.ts';
import { Slots } from './slots.ts';
import type { RetryPolicy } from './transition-assessments.ts';

export interface BatchesOptions {
  db: Database;
  commands: Commands;
  log: Logger;
  retry: RetryPolicy;
  /** Largest request or result, in bytes of JSON. */
  maxBodyBytes: number;
}

/** Most atomic batches at a time: each holds a connection, and its locks, from its first statement to its last. The tenants take turns. */
const atomicAtOnce = 2;

/**
 * Many commands in one call, at most 10,000. Results stand in the order of the input: what the command gives, or its refusal. Items on
 * the same assessment are done one after the other.
 */
export class Batches {
  readonly #options: BatchesOptions;
  readonly #atomic = new Slots(atomicAtOnce);

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  async batchCreateAssessments(input: BatchCreateAssessments, actor: Actor): Promise<(Created | RefusalError)[]> {
    const { items, atomic } = checkBatch('assessments', input);
    return this.#run(creations({ ...this.#options, actor }), items, atomic, actor);
  }

  async batchUpdateProgress(input: BatchUpdateProgress, actor: Actor): Promise<(Assessment | RefusalError)[]> {
    const { items, atomic } = checkBatch('updates', input);
    return this.#run(progressUpdates({ ...this.#options, actor }), items, atomic, actor);
  }

  async batchCompleteAssessments(input: BatchCompleteAssessments, actor: Actor): Promise<(Assessment | RefusalError)[]> {
    const { items, atomic } = checkBatch('completions', input);
    return this.#run(completions({ ...this.#options, actor }), items, atomic, actor);
  }

  #run<Item extends AssessmentKey, Outcome, Result>(
    kind: BatchKind<Item, Outcome, Result>,
    inputs: readonly unknown[],
    atomic: boolean,
    { tenantId }: Actor,
  ): Promise<(Result | RefusalError)[]> {
    return this.#options.commands.tracked(atomic ? this.#together(kind, inputs, tenantId) : this.#separately(kind, inputs));
  }

  async #separately<Item extends AssessmentKey, Outcome, Result>(kind: BatchKind<Item, Outcome, Result>, inputs: readonly unknown[]) {
    const results = new Array<Result | RefusalError>(inputs.length);
    const entries = await checkEntries(inputs, results, kind.itemOf);
    await runSeparately(kind, entries, results, this.#options.commands.lockDeadline());
    return results;
  }

  async #together<Item extends AssessmentKey, Outcome, Result>(
    kind: BatchKind<Item, Outcome, Result>,
    inputs: readonly unknown[],
    tenantId: string,
  ) {
    const results = new Array<Result | RefusalError>(inputs.length);
    const items = (await checkEntries(inputs, results, kind.itemOf)).map(({ item }) => item);
    if (items.length < inputs.length) return allRefused(results);
    if (items.length === 0) return results;
    const { commands } = this.#options;
    const done = await this.#atomic.run(() => runAtomically(this.#options, kind, items, commands.lockDeadline()), tenantId);
    for (const changes of chunksOf(done.changes)) {
      commands.tell(changes);
      await nextTurn();
    }
    return allRefused(done.results);
  }
}
