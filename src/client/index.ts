export type {
  Assessments,
  AssessmentView,
  AuditEntryView,
  Awaited,
  ClaimedView,
  CreatedView,
  FeedUpdateView,
  UpdateView,
} from '../store/assessments.ts';
export { ClosedError } from '../store/closed-error.ts';
export * from '../store/errors.ts';
export { ApiError } from './api-error.ts';
export type { AssessmentClient } from './assessment-client.ts';
export { createAssessmentClient } from './client.ts';
export type { AssessmentClientOptions } from './options.ts';
export type { TokenSource } from './tokens.ts';
