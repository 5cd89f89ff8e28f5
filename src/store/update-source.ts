import type { AssessmentUpdate } from './updates.ts';

/**
 * Updates for one reader, without a promise for each: `take()` what is there; when that is nothing and the source has not ended, ask
 * `whenReady()` and take again. Every source is an async iterator as well.
 */
export interface UpdateSource<Update extends AssessmentUpdate = AssessmentUpdate> {
  /** Up to so many updates that are there now. */
  take(most: number): readonly Update[];
  /** Calls back once, when there may be more to take, or the source has ended. One callback at a time. */
  whenReady(callback: () => void): void;
  /** Nothing more will come, once what is there has been taken. */
  readonly ended: boolean;
  /** Why it ended, where it broke off. */
  readonly error: Error | undefined;
  /** The reader will not take for a while: lets go of what can be had again. */
  rest(): void;
  /** Ends the source, and lets go of what it holds. */
  return(): Promise<IteratorResult<Update, undefined>>;
}
