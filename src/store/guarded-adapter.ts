import { PrismaPg } from '@prisma/adapter-pg';
import type { Transaction } from '@prisma/driver-adapter-utils';
import type { DatabaseGuard } from './database-guard.ts';

type Arguments = ConstructorParameters<typeof PrismaPg>;

/** Prisma's way to PostgreSQL, with a guard before it: see there. */
export class GuardedAdapter extends PrismaPg {
  readonly #guard: DatabaseGuard;

  constructor(config: Arguments[0], options: Arguments[1], guard: DatabaseGuard) {
    super(config, options);
    this.#guard = guard;
  }

  override async connect(): ReturnType<PrismaPg['connect']> {
    const guard = this.#guard;
    const adapter = await super.connect();
    const { queryRaw, executeRaw, startTransaction } = adapter;
    adapter.queryRaw = (query) => guard.run(() => queryRaw.call(adapter, query));
    adapter.executeRaw = (query) => guard.run(() => executeRaw.call(adapter, query));
    // Its statements are not guarded each: it has its connection.
    adapter.startTransaction = (level) => guard.hold(async (done) => whenEnded(await startTransaction.call(adapter, level), done));
    return adapter;
  }
}

function whenEnded(transaction: Transaction, done: () => void): Transaction {
  const { commit, rollback } = transaction;
  transaction.commit = () => commit.call(transaction).finally(done);
  transaction.rollback = () => rollback.call(transaction).finally(done);
  return transaction;
}
