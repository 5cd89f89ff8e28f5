export type { Change } from './announce.ts';
export { storeAsAssessments } from './as-assessments.ts';
export type { Actor, Assessment, AssessmentData, AssessmentKey, AssessmentWithData, JsonObject } from './assessment.ts';
export type {
  Assessments,
  AssessmentView,
  AuditEntryView,
  Awaited,
  ClaimedView,
  CreatedView,
  FeedUpdateView,
  UpdateView,
} from './assessments.ts';
export type { AuditEntry } from './audit-trail.ts';
export type {
  BatchCancelAssessments,
  BatchCompleteAssessments,
  BatchCreateAssessments,
  BatchRetryFailedAssessments,
  BatchUpdateProgress,
  CleanupOldAssessments,
} from './batch-inputs.ts';
export type { BreakerState } from './breaker-state.ts';
export type { ClaimedAssessment, HeartbeatResult, ReleaseResult } from './claimed.ts';
export { ClosedError } from './closed-error.ts';
export type { Connection, Page } from './cursor.ts';
export { isDatabaseAway, isNotSent, isStatementTimeout } from './database.ts';
export * from './errors.ts';
export type { Feed, FeedAssessments } from './feed.ts';
export type { FeedEntry } from './feed-window.ts';
export type { AssessmentFilter } from './filter.ts';
export type { HealthCheck, HealthState, HealthStatus } from './health.ts';
export type {
  CancelAssessment,
  CompleteAssessment,
  CreateAssessment,
  FailAssessment,
  RetryAssessment,
  StartProcessing,
  UpdateProgress,
} from './inputs.ts';
export { checkAssessmentId } from './inputs.ts';
export * from './lifecycle.ts';
export type { AssessmentOrder, ListAssessments } from './list-assessments.ts';
export type { Loaders } from './loaders.ts';
export type { Logger } from './logger.ts';
export type { Created } from './new-assessment.ts';
export type { ClaimAssessments, Heartbeat, ReleaseAssessments } from './queue-inputs.ts';
export type { QueueStatus } from './queue-status.ts';
export type { QueueTotals } from './queue-totals.ts';
export { type AssessmentOptions, optionsOf } from './request.ts';
export type { AssessmentStats, StatsBucket, StatsQuery } from './stats.ts';
export { AssessmentStore, openStore, type StoreOptions } from './store.ts';
export { batchedStatements, deliveryWays, type RedisConnection, type StoreGauges, type StoreTelemetry } from './telemetry.ts';
export type { StoreTracer } from './tracer.ts';
export type { UpdateSource } from './update-source.ts';
export { type AssessmentUpdate, resumePoint, updateCursor } from './updates.ts';
export type { WaitForCompletion, WatchAssessment } from './wait.ts';
