/** Throw it in a handler: this attempt failed, another one may succeed. Any other error that is not a FatalError means the same. */
export class RetryableError extends Error {
  override readonly name: string = 'RetryableError';
  readonly retryable = true;
}

/** Throw it in a handler: the assessment has failed, and another attempt would fail too. */
export class FatalError extends Error {
  override readonly name: string = 'FatalError';
  readonly retryable = false;
}

/** Why the signal of a handler fired; whatever the handler gives or throws after that is thrown away. */
export abstract class StoppedError extends Error {}

/** The assessment was cancelled: nobody wants the result any more. */
export class CancelledError extends StoppedError {
  override readonly name = 'CancelledError';
}

/** The claim is not held any more, or may not be: somebody else may be working on the assessment. */
export class LeaseLostError extends StoppedError {
  override readonly name = 'LeaseLostError';
}

/** The attempt took longer than the `timeoutMs` of the assessment. */
export class WorkTimeoutError extends StoppedError {
  override readonly name = 'WorkTimeoutError';
}

/** The worker stops, and the time to finish is over; the assessment goes back to the queue. */
export class ShutdownError extends StoppedError {
  override readonly name = 'ShutdownError';
}
