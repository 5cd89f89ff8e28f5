export { CancelledError, FatalError, LeaseLostError, RetryableError, ShutdownError, StoppedError, WorkTimeoutError } from './errors.ts';
export type { Handler, Handlers, Work } from './handler.ts';
export type { WorkerOptions } from './options.ts';
export type { WorkerStats } from './stats.ts';
export { stopOnSignals } from './stop-on-signals.ts';
export { storeAsClient, type WorkStore } from './store-client.ts';
export type {
  ClaimWork,
  ReportedAssessment,
  WorkAssessment,
  WorkClaim,
  WorkClient,
  WorkUpdate,
  WorkUpdates,
} from './work-client.ts';
export { createWorker, type Worker } from './worker.ts';
