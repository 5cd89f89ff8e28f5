import type { AssessmentUpdate } from './updates.ts';
import type { WorkNotice } from './work.ts';

/** How the bus is doing: `up`, or why not. */
export type BusStatus = { up: true } | { up: false; reason: string };

/** What a bus tells its hub. */
export interface BusListener {
  /** Updates from another process. */
  onUpdates: (updates: readonly AssessmentUpdate[]) => void;
  /** Assessments have become ready to be claimed, by what another process did. */
  onWork: (work: readonly WorkNotice[]) => void;
  /** Another process has changed something; told to those who have attached to changes. */
  onChanges: () => void;
  /** Updates may have been lost: the connection was, or a subscription was confirmed late. */
  onGap: () => void;
}

/** Carries updates between the hubs of several processes. It is a hint: it may lose updates, and must never block or fail a command. */
export interface Bus {
  start(listener: BusListener): void;
  stop(): Promise<void>;
  /** Sends updates to the other processes, after the COMMIT that made them. Never throws and never waits. */
  publish(updates: readonly AssessmentUpdate[]): void;
  /** Tells the other processes of work, likewise. */
  publishWork(work: readonly WorkNotice[]): void;
  /**
   * Begins to receive the updates of a key's shard. Resolves when the subscription is confirmed, or when that takes too long or
   * cannot be had now: then `onGap` follows as soon as it is.
   */
  attach(key: string): Promise<void>;
  /** Takes one `attach` back. */
  detach(key: string): void;
  /** Begins to be told that other processes change something, whatever it is. Resolves as `attach` does. */
  attachChanges(): Promise<void>;
  /** Takes one `attachChanges` back. */
  detachChanges(): void;
  /** Asks the bus for a sign of life; latency in milliseconds. Never throws. */
  check(): Promise<BusStatus>;
}
