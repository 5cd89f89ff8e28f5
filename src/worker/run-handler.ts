import type { Claim } from './claim.ts';
import type { Handlers, Work } from './handler.ts';

/** What became of a handler: gives its result, or throws what it threw. */
export type Outcome = () => unknown;

/** Has a claim's assessment done; `onEnd` is called once, for a handler that needs no promise before this returns. Never throws. */
export function runHandler(claim: Claim, handlers: Handlers, progress: Work['progress'], onEnd: (outcome: Outcome) => void): void {
  let given: unknown;
  let isPromise: boolean;
  try {
    const { assessment } = claim;
    const handler = handlers[assessment.type];
    if (handler === undefined) throw new TypeError(`this worker has no handler for ${assessment.type}`);
    given = handler({
      ...{ assessment, progress },
      get signal() {
        return claim.signal;
      },
    });
    isPromise = typeof (given as { then?: unknown } | null | undefined)?.then === 'function';
  } catch (error) {
    onEnd(throwing(error));
    return;
  }
  if (!isPromise) {
    onEnd(() => given);
    return;
  }
  void Promise.resolve(given).then(
    (result) => onEnd(() => result),
    (error: unknown) => onEnd(throwing(error)),
  );
}

/** The outcome of what threw this. */
export const throwing = (error: unknown): Outcome => {
  return () => {
    throw error;
  };
};
