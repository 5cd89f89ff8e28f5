import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Change } from './announce.ts';
import type { AssessmentKey } from './assessment.ts';
import { chunkSize, chunksOf, type Entry, roundsOf } from './batch-entries.ts';
import type { BatchKind } from './batch-kind.ts';
import { type Database, isLockTimeout, isRefusedValue, isTransactionOver, isWorthRepeating } from './database.ts';
import { RefusalError, UnavailableError } from './errors.ts';
import { type Execute, itemByItem } from './item-by-item.ts';
import type { Logger } from './logger.ts';

export interface AtomicBatchOptions {
  db: Database;
  log: Logger;
  /** Longest time that a transaction may take, in milliseconds. Default 60,000. */
  transactionTimeoutMs?: number;
}

/** What became of the items of a transaction, in their order, and what others are to be told of when it has committed. */
interface Done<Result> {
  results: (Result | RefusalError)[];
  changes: Change[];
}

/** Rolls the transaction back, and carries out what was found. */
class RolledBack<Result> extends Error {
  readonly results: (Result | RefusalError)[];

  constructor(results: (Result | RefusalError)[]) {
    super('an item was refused');
    this.results = results;
  }
}

/** Rolls the transaction back: somebody else was at one of its assessments. */
class Again extends Error {}

/**
 * Does all items in one transaction, or none of them. Whatever others hold locked makes it begin anew after a short pause, with nothing
 * held meanwhile, until `deadline` by `performance.now()`. Without refusals it has committed.
 * @throws UnavailableError (still locked, or it takes too long), faults of the database. Then nothing was changed.
 */
export async function runAtomically<Item extends AssessmentKey, Outcome, Result>(
  options: AtomicBatchOptions,
  kind: BatchKind<Item, Outcome, Result>,
  items: readonly Item[],
  deadline: number,
): Promise<Done<Result>> {
  let attempt = attemptOf(options, kind, items);
  let careful = false;
  for (let delayMs = 5; ; delayMs = Math.min(delayMs * 2, 200)) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof RolledBack) return { results: error.results, changes: [] };
      if (isTransactionOver(error)) throw takesTooLong();
      // The database refuses a statement for one of its items: find out which.
      if (isRefusedValue(error) && !careful) {
        careful = true;
        attempt = attemptOf(options, kind, items, itemByItem(kind.execute, options.log));
      } else if (!(error instanceof Again || isLockTimeout(error) || isWorthRepeating(error))) throw error;
      else if (performance.now() > deadline) throw locked();
      else await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())));
    }
  }
}

function attemptOf<Item extends AssessmentKey, Outcome, Result>(
  { db, transactionTimeoutMs = 60_000 }: AtomicBatchOptions,
  kind: BatchKind<Item, Outcome, Result>,
  items: readonly Item[],
  execute: Execute<Item, Outcome> = kind.execute,
): () => Promise<Done<Result>> {
  const rounds = roundsOf(items.map((item, index) => ({ item, index })));
  // In the order of their keys, as one statement creates them: two batches that create the same ones wait for each other at most in one direction.
  const parts = rounds.flatMap((round) => [...chunksOf(round.sort(byKey), chunkSize)]);
  const attempt = async (transaction: Database): Promise<Done<Result>> => {
    await kind.prepare(transaction, items);
    const results = new Array<Result | RefusalError>(items.length);
    const changes: Change[] = [];
    for (const part of parts) {
      const outcomes = await execute(
        transaction,
        part.map(({ item }) => item),
      );
      judgePart(kind, part, outcomes, results);
      changes.push(...kind.changesOf(outcomes.filter((outcome): outcome is Outcome => !(outcome instanceof RefusalError))));
      await nextTurn();
    }
    if (results.some((result) => result instanceof RefusalError)) throw new RolledBack(results);
    return { results, changes };
  };
  // A transaction's client lacks only what manages connections and transactions.
  return () => db.$transaction((transaction) => attempt(transaction as Database), { maxWait: 10_000, timeout: transactionTimeoutMs });
}

function judgePart<Item extends AssessmentKey, Outcome, Result>(
  kind: BatchKind<Item, Outcome, Result>,
  part: readonly Entry<Item>[],
  outcomes: readonly (Outcome | RefusalError)[],
  results: (Result | RefusalError)[],
): void {
  part.forEach(({ item, index }, position) => {
    const outcome = outcomes[position];
    if (outcome === undefined) throw new Error(`a statement for ${part.length} items gave no outcome for item ${position}`);
    results[index] = outcome instanceof RefusalError ? outcome : judged(kind, item, outcome);
  });
}

function judged<Item extends AssessmentKey, Outcome, Result>(
  kind: BatchKind<Item, Outcome, Result>,
  item: Item,
  outcome: Outcome,
): Result | RefusalError {
  try {
    const result = kind.judge(item, outcome);
    if (result === undefined) throw new Again();
    return result;
  } catch (error) {
    if (error instanceof RefusalError) return error;
    throw error;
  }
}

const byKey = <Item extends AssessmentKey>({ item: a }: Entry<Item>, { item: b }: Entry<Item>): number =>
  a.assessmentId < b.assessmentId ? -1 : a.assessmentId > b.assessmentId ? 1 : 0;

const locked = (): UnavailableError =>
  new UnavailableError('TIMEOUT', 'An assessment of this batch is locked by another transaction; nothing was changed.', 1_000);

const takesTooLong = (): UnavailableError =>
  new UnavailableError('TIMEOUT', 'The batch could not be done in one transaction in time; nothing was changed. Send smaller ones.', 1_000);
