/** How the program ends, for scripts. Of several that are awaited or changed, the highest wins; docs/cli.md explains each. */
export const exitCodes = {
  /** All is done; what was awaited is COMPLETED. */
  DONE: 0,
  /** A fault of this program or of the service. */
  UNEXPECTED: 1,
  /** The arguments are wrong; nothing was sent. */
  USAGE: 2,
  /** What was awaited is CANCELLED. */
  CANCELLED: 3,
  /** What was awaited is FAILED. */
  FAILED: 4,
  /** What was awaited has not ended within --timeout. */
  TIMED_OUT: 5,
  /** The service understood and refused. */
  REFUSED: 6,
  /** The service cannot be reached, or does not answer in time. */
  UNREACHABLE: 7,
  /** Ended by Ctrl-C, SIGTERM, or by a pipe that nobody reads any more; as a shell counts signals. */
  INTERRUPTED: 130,
  TERMINATED: 143,
  PIPE_CLOSED: 141,
} as const;

/** The part of --help about them. */
export const exitCodesHelp = `Exit codes (of several assessments: the highest)
  0  done; what was awaited is COMPLETED
  1  a fault
  2  wrong arguments; nothing was sent
  3  what was awaited is CANCELLED
  4  what was awaited is FAILED
  5  what was awaited has not ended within --timeout
  6  the service refused: an unknown assessment, a change that is not possible …
  7  the service cannot be reached, or does not answer in time
  130, 143, 141  ended by Ctrl-C, by SIGTERM, by a closed pipe
  10 to 16  serve, migrate and worker: why they cannot start (docs/operations.md)`;
