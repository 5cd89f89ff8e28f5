import { setTimeout as sleep } from 'node:timers/promises';

/** A connection that stays open for long, and whose client connects again when it is closed. */
export interface LongConnection {
  /** Whether it had better not be closed now. */
  readonly isChanging: boolean;
  leave(): void;
}

export interface DrainOptions {
  /** Those that are open now. */
  open: () => readonly LongConnection[];
  /** How long the drain may last, in milliseconds; 0: everything is closed at once. */
  windowMs: number;
  /** Whether somebody decides by readiness who is sent here: it gets the first half of the window to notice, and the whole to stop sending. */
  isWatched: boolean;
  /** Cuts the drain short. */
  hurry: AbortSignal;
}

const tickMs = 50;
/** So many are closed in each tick at least: a few have not to wait for each other. */
const leastAtOnce = 10;

/**
 * Closes long connections a few at a time, so that their clients do not all connect to the other instances in the same moment. With few
 * of them, and nobody who has to notice, it is over at once. Those on which a change is under way are left open:
 * the stop that follows closes them when it has been answered.
 */
export async function drain({ open, windowMs, isWatched, hurry }: DrainOptions): Promise<void> {
  const began = performance.now();
  const left = (): number => (hurry.aborted ? 0 : began + windowMs - performance.now());
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: hurry }).catch(() => {});
  if (isWatched) await pause(windowMs / 2);
  for (let all = open(); left() > 0 && (isWatched || all.some(({ isChanging }) => !isChanging)); all = open()) {
    for (const connection of dueNow(all, left())) connection.leave();
    await pause(Math.min(tickMs, left()));
  }
  for (const connection of open()) if (!connection.isChanging) connection.leave();
}

function dueNow(all: readonly LongConnection[], leftMs: number): LongConnection[] {
  const count = Math.max(leastAtOnce, Math.ceil(all.length / Math.max(1, Math.floor(leftMs / tickMs))));
  const due: LongConnection[] = [];
  for (const connection of all) {
    if (due.length === count) break;
    if (!connection.isChanging) due.push(connection);
  }
  return due;
}
