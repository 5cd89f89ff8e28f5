import { type Database, isRefusedValue } from './database.ts';
import type { RefusalError } from './errors.ts';
import type { Logger } from './logger.ts';
import { refusedValue } from './refused-value.ts';

/** Runs one part of the batch; a refusal in place of an outcome where only the database can refuse. */
export type Execute<Item, Outcome> = (transaction: Database, items: readonly Item[]) => Promise<(Outcome | RefusalError)[]>;

/** Halves a part that the database refuses until the culprits stand alone; a savepoint keeps the transaction alive. */
export function itemByItem<Item, Outcome>(execute: Execute<Item, Outcome>, log: Logger): Execute<Item, Outcome> {
  return async function narrow(transaction, items): Promise<(Outcome | RefusalError)[]> {
    await transaction.$executeRaw`savepoint part`;
    try {
      const outcomes = await execute(transaction, items);
      await transaction.$executeRaw`release savepoint part`;
      return outcomes;
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      await transaction.$executeRaw`rollback to savepoint part`;
      if (items.length === 1) return [refusedValue(error, log)];
      const half = Math.ceil(items.length / 2);
      return [...(await narrow(transaction, items.slice(0, half))), ...(await narrow(transaction, items.slice(half)))];
    }
  };
}
