import type { Assessment, AssessmentData, JsonObject } from './assessment.ts';
import type { AuditEntry } from './audit-trail.ts';
import type {
  BatchCancelAssessments,
  BatchCompleteAssessments,
  BatchCreateAssessments,
  BatchRetryFailedAssessments,
  BatchUpdateProgress,
  CleanupOldAssessments,
} from './batch-inputs.ts';
import type { HeartbeatResult, ReleaseResult } from './claimed.ts';
import type { Connection, Page } from './cursor.ts';
import type { FeedAssessments } from './feed.ts';
import type { HealthStatus } from './health.ts';
import type {
  CancelAssessment,
  CompleteAssessment,
  CreateAssessment,
  FailAssessment,
  RetryAssessment,
  StartProcessing,
  UpdateProgress,
} from './inputs.ts';
import type { ListAssessments } from './list-assessments.ts';
import type { ClaimAssessments, Heartbeat, ReleaseAssessments } from './queue-inputs.ts';
import type { QueueStatus } from './queue-status.ts';
import type { AssessmentStats, StatsQuery } from './stats.ts';
import type { AssessmentUpdate } from './updates.ts';
import type { WaitForCompletion, WatchAssessment } from './wait.ts';

/** An assessment as whoever uses the service sees it: without the tenant and the database's id. */
export type AssessmentView = Omit<Assessment, 'id' | 'tenantId'>;

/** What `createAssessment` gives. `created`: whether this call created it; false: it was there already, from the same request. */
export interface CreatedView {
  assessment: AssessmentView;
  created: boolean;
}

/** An assessment that a worker holds, with its request and the secret that every report on it must carry. */
export interface ClaimedView {
  assessment: AssessmentView & { requestData: JsonObject };
  claimToken: string;
  /** When the lease ends unless it is renewed. */
  expiresAt: Date;
}

/** One change of one assessment. */
export type AuditEntryView = Pick<
  AuditEntry,
  'assessmentId' | 'oldState' | 'newState' | 'versionFrom' | 'versionTo' | 'progress' | 'changedBy' | 'changeReason' | 'createdAt'
>;

/** One change of an assessment that is watched, with the assessment as it was after it. */
export interface UpdateView extends Omit<AssessmentUpdate, 'assessment'> {
  assessment: AssessmentView;
}

/** An update of a feed; from its cursor another feed goes on just after it. */
export interface FeedUpdateView extends UpdateView {
  cursor: string;
}

/** How a wait ended. `timedOut`: the time was up before the assessment had ended. */
export interface Awaited {
  assessment: AssessmentView;
  timedOut: boolean;
}

/**
 * The service, whether it is a store in this process (`storeAsAssessments`) or reached over its API (`createAssessmentClient`): code
 * written against one runs against the other. Refusals are thrown as the classes of errors.ts. Every call takes a signal; when that is
 * aborted the call is rejected with its reason, and what was asked for may have been done or not.
 */
export interface Assessments {
  /**
   * Creates an assessment, PENDING. The same `assessmentId` with the same request gives the one that is there.
   * @throws InvalidInputError, AlreadyExistsError (the key is taken by another request)
   */
  createAssessment(input: CreateAssessment, signal?: AbortSignal): Promise<CreatedView>;
  /** PENDING to PROCESSING, without a claim. @throws InvalidInputError, NotFoundError, InvalidTransitionError, VersionConflictError */
  startProcessing(input: StartProcessing, signal?: AbortSignal): Promise<AssessmentView>;
  /** Reports progress in percent while PROCESSING. @throws as startProcessing, and ClaimLostError */
  updateProgress(input: UpdateProgress, signal?: AbortSignal): Promise<AssessmentView>;
  /** PROCESSING to COMPLETED. @throws as updateProgress */
  completeAssessment(input: CompleteAssessment, signal?: AbortSignal): Promise<AssessmentView>;
  /** PROCESSING to FAILED, or to PENDING when it is retryable and retries are left. @throws as updateProgress */
  failAssessment(input: FailAssessment, signal?: AbortSignal): Promise<AssessmentView>;
  /** PENDING or PROCESSING to CANCELLED. @throws as startProcessing */
  cancelAssessment(input: CancelAssessment, signal?: AbortSignal): Promise<AssessmentView>;
  /** FAILED to PENDING: a new round. @throws as startProcessing */
  retryAssessment(input: RetryAssessment, signal?: AbortSignal): Promise<AssessmentView>;

  /** Claims up to `limit` that are ready; waits up to `waitMs` when there is none. @throws InvalidInputError */
  claimAssessments(input: ClaimAssessments, signal?: AbortSignal): Promise<ClaimedView[]>;
  /** Renews claims; in the order of the tokens. @throws InvalidInputError */
  heartbeat(input: Heartbeat, signal?: AbortSignal): Promise<HeartbeatResult[]>;
  /** Gives claims back, PENDING again at once; in the order of the tokens. @throws InvalidInputError */
  releaseAssessments(input: ReleaseAssessments, signal?: AbortSignal): Promise<ReleaseResult[]>;

  /** Creates up to 10,000. In the order of the input: what `createAssessment` gives, or the error that it throws. @throws InvalidInputError (the batch as such) */
  batchCreateAssessments(input: BatchCreateAssessments, signal?: AbortSignal): Promise<(CreatedView | Error)[]>;
  /** Reports the progress of up to 10,000; results and errors as of batchCreateAssessments. */
  batchUpdateProgress(input: BatchUpdateProgress, signal?: AbortSignal): Promise<(AssessmentView | Error)[]>;
  /** Completes up to 10,000; results and errors as of batchCreateAssessments. */
  batchCompleteAssessments(input: BatchCompleteAssessments, signal?: AbortSignal): Promise<(AssessmentView | Error)[]>;
  /** FAILED to PENDING for those that match; gives their keys, the oldest first. @throws InvalidInputError */
  batchRetryFailedAssessments(input: BatchRetryFailedAssessments, signal?: AbortSignal): Promise<string[]>;
  /** PENDING or PROCESSING to CANCELLED for those that match; gives their keys, the oldest first. @throws InvalidInputError */
  batchCancelAssessments(input: BatchCancelAssessments, signal?: AbortSignal): Promise<string[]>;
  /** Deletes those that ended more than `retentionDays` ago; gives how many. @throws InvalidInputError */
  cleanupOldAssessments(input: CleanupOldAssessments, signal?: AbortSignal): Promise<number>;

  /** The assessment as it is now, with its request and its result. @throws InvalidInputError, NotFoundError */
  getState(assessmentId: string, signal?: AbortSignal): Promise<AssessmentView & AssessmentData>;
  /**
   * Resolves as soon as the assessment has ended, or with `timedOut: true` and the state it has by then. `timeoutMs`: any number of
   * milliseconds from 0 (only look), also more than the ten minutes of one wait of the store. Default 30,000.
   * @throws InvalidInputError, NotFoundError
   */
  waitForCompletion(input: WaitForCompletion, signal?: AbortSignal): Promise<Awaited>;
  /** One page of those that match, the newest first unless `orderBy` says otherwise. @throws InvalidInputError */
  listAssessments(list?: ListAssessments, signal?: AbortSignal): Promise<Connection<AssessmentView>>;
  /** One page of those in which the words of `search` occur. @throws InvalidInputError */
  searchAssessments(list: ListAssessments & { search: string }, signal?: AbortSignal): Promise<Connection<AssessmentView>>;
  /** How many match. @throws InvalidInputError */
  countAssessments(list?: Pick<ListAssessments, 'where' | 'search'>, signal?: AbortSignal): Promise<number>;
  /** Every change of one assessment, the oldest first. @throws InvalidInputError, NotFoundError */
  auditTrail(assessmentId: string, page?: Page, signal?: AbortSignal): Promise<Connection<AuditEntryView>>;
  /** Counts, times and rates. @throws InvalidInputError */
  getAssessmentStats(query?: StatsQuery, signal?: AbortSignal): Promise<AssessmentStats>;
  /** How the queue stands: what is ready, what waits, who works. */
  queueStatus(signal?: AbortSignal): Promise<QueueStatus>;
  /** How the parts of the service are doing. */
  getHealthStatus(signal?: AbortSignal): Promise<HealthStatus>;

  /**
   * The updates of one assessment, by its key: first the state it has now (SNAPSHOT; left out when that is `afterVersion`), then later
   * versions in order, in the end the terminal one, after which it is done. A slow reader may skip versions. Begins with the call; break
   * off the loop, call `return()`, or abort the signal to stop. @throws InvalidInputError, NotFoundError (by `next()`)
   */
  watch(assessment: string | WatchAssessment, signal?: AbortSignal): AsyncIterableIterator<UpdateView, undefined>;
  /**
   * Every change that matches, in order and each exactly once: what has followed the cursor `after` first, then what happens from now
   * on. An assessment that stops matching is told of once more. Begins with the call (without `after`, where the log stands when the service
   * hears of it: take `feedCursor` before what must not be missed), and never ends by itself; stopped as `watch`.
   * @throws InvalidInputError, CursorExpiredError (by `next()`)
   */
  feed(input?: FeedAssessments, signal?: AbortSignal): AsyncIterableIterator<FeedUpdateView, undefined>;
  /** The cursor of a feed that begins now. Taken before a list is read, a feed after it brings every change that the list does not show. */
  feedCursor(signal?: AbortSignal): Promise<string>;
  /** Ends every wait, watch and feed that was begun here with a ClosedError, and takes no more calls. A store itself goes on. */
  close(): Promise<void>;
}
