import type { Assessment, JsonObject } from '../store/index.ts';
import type { WorkClaim } from './work-client.ts';

/** One assessment to work on. */
export interface Work {
  /** The assessment as it was claimed, with its request. */
  readonly assessment: WorkClaim['assessment'];
  /**
   * Fires when the work is to be stopped; its reason is a CancelledError, LeaseLostError, WorkTimeoutError or ShutdownError. What the
   * handler gives or throws after that is thrown away.
   */
  readonly signal: AbortSignal;
  /**
   * Says how far the work is, in percent, and what it does. Never throws and never waits: call it as often as you like, the newest report
   * is sent a few times a second. Progress that falls and values that are no numbers are ignored.
   */
  readonly progress: (percent: number, message?: string) => void;
}

/**
 * Does one assessment. What it gives is the result; nothing means an empty one. What it throws fails the attempt: FatalError (or
 * any error whose `retryable` is false) for good, everything else until the assessment's retries are used up.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a result is a function without a return
export type Handler = (work: Work) => Promise<JsonObject | undefined | void> | JsonObject | undefined | void;

/** Who does which type of assessment. */
export type Handlers = Partial<Record<Assessment['type'], Handler>>;
