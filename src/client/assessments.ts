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
