import { exitCodes } from './exit-codes.ts';

/** The arguments are not as they must be; the message says what would be right. Nothing was sent. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A signal told the program to end. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`);
    this.exitCode = signal === 'SIGINT' ? exitCodes.INTERRUPTED : exitCodes.TERMINATED;
  }
}

/** The time of --timeout is up. */
export class TimeUpError extends Error {
  override readonly name = 'TimeUpError';
}
