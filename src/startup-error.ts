/** Why the service could not start, each with the exit code of the process (docs/operations.md lists them). */
export const exitCodes = {
  UNEXPECTED: 1,
  CONFIG_INVALID: 10,
  PORT_TAKEN: 11,
  DATA_FOLDER_IN_USE: 12,
  DATABASE_UNREACHABLE: 13,
  DATABASE_NEWER: 14,
  MIGRATION_FAILED: 15,
  EMBEDDED_POSTGRES_FAILED: 16,
} as const;

export type StartupFailure = keyof typeof exitCodes;

/** A start that cannot go on, for a reason that the person who started the service can do something about. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
  readonly failure: StartupFailure;

  constructor(failure: StartupFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }

  get exitCode(): number {
    return exitCodes[this.failure];
  }
}
