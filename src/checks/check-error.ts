/** A check could not be done; the message names the target, or the setting, and the reason. */
export class CheckError extends Error {
  override readonly name: string = 'CheckError';
  /** Whether the same check may succeed later: true for a target that does not answer, false for what somebody has to change first. */
  readonly retryable: boolean;

  constructor(message: string, { retryable, cause }: { retryable: boolean; cause?: unknown }) {
    super(message, { cause });
    this.retryable = retryable;
  }
}

/** The target does not answer as it must to be checked. */
export class UnreachableError extends CheckError {
  override readonly name = 'UnreachableError';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, retryable: true });
  }
}

/** The allow-list does not permit the target. */
export class ForbiddenTargetError extends CheckError {
  override readonly name = 'ForbiddenTargetError';

  constructor(message: string) {
    super(message, { retryable: false });
  }
}
