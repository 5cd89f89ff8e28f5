/**
 * Follows commands into the statements that they share. The store itself knows nothing of traces: it says which commands a statement is for, and
 * leaves it to the tracer what to make of that.
 */
export interface StoreTracer {
  /** A command is put into a batch, here and now; it is known by its item. */
  join(item: object): void;
  /** Runs the batch of these items. */
  batch<Result>(name: string, items: readonly object[], run: () => Promise<Result>): Promise<Result>;
  /** Runs one SQL statement. */
  statement<Result>(name: string, sql: string, run: () => Promise<Result>): Promise<Result>;
}

/** Runs a batch, followed where somebody follows. */
export const traced = <Result>(
  tracer: StoreTracer | undefined,
  name: string,
  items: readonly object[],
  run: () => Promise<Result>,
): Promise<Result> => (tracer === undefined ? run() : tracer.batch(name, items, run));
