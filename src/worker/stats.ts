/** What a worker has done since it was made, and what it has in hand now. */
export interface WorkerStats {
  /** Claims that it got. */
  claimed: number;
  /** Reported as completed, and accepted. */
  completed: number;
  /** Reported as failed, and accepted; also those that will be tried again. */
  failed: number;
  /** Cancelled, or lost to the end of the lease or to somebody else: what came out of them was thrown away. */
  dropped: number;
  /** Given back by `stop()`. */
  released: number;
  /** Handlers that did not stop when they were told to; they may run still. */
  abandoned: number;
  /** Handlers that work now. */
  running: number;
  /** Claimed ahead, and not begun. */
  prefetched: number;
  /** Done, and not yet reported. */
  reporting: number;
}

/** The part of the stats that only grows. */
export type Counts = Omit<WorkerStats, 'running' | 'prefetched' | 'reporting'>;

export const noCounts = (): Counts => ({ claimed: 0, completed: 0, failed: 0, dropped: 0, released: 0, abandoned: 0 });
