import type { Actor, Assessment } from './assessment.ts';
import type { Assessments, AssessmentView, AuditEntryView, Awaited, FeedUpdateView, UpdateView } from './assessments.ts';
import type { AuditEntry } from './audit-trail.ts';
import { awaitEnd } from './await-end.ts';
import type { BatchCreateAssessments } from './batch-inputs.ts';
import { completeRequest } from './complete-request.ts';
import type { Connection } from './cursor.ts';
import { RefusalError } from './errors.ts';
import type { FeedEntry } from './feed-window.ts';
import { OpenCalls } from './open-calls.ts';
import type { AssessmentStore } from './store.ts';
import { type AssessmentUpdate, updateCursor } from './updates.ts';
import { maxWaitMs, type WaitForCompletion } from './wait.ts';

/**
 * A store in this process behind the interface that the client of the API has too; everything is done in the name of `actor`. Closing
 * it leaves the store as it is.
 */
export function storeAsAssessments(store: AssessmentStore, actor: Actor): Assessments {
  const open = new OpenCalls();
  const call = <T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    open.run(signal, async (ending) => {
      try {
        return await run(ending);
      } catch (error) {
        throw shownError(error);
      }
    });
  const one = (signal: AbortSignal | undefined, run: () => Promise<Assessment>): Promise<AssessmentView> =>
    call(signal, async () => viewOf(await run()));
  const watch: Assessments['watch'] = (assessment, signal) => {
    const input = typeof assessment === 'string' ? { assessmentId: assessment } : assessment;
    return open.iterate(signal, () => store.watchAssessment(input, actor), updateViewOf);
  };
  return {
    createAssessment: (input, signal) =>
      call(signal, async () => {
        const { assessment, created } = await store.createAssessment(completeRequest(input), actor);
        return { assessment: viewOf(assessment), created };
      }),
    startProcessing: (input, signal) => one(signal, () => store.startProcessing(input, actor)),
    updateProgress: (input, signal) => one(signal, () => store.updateProgress(input, actor)),
    completeAssessment: (input, signal) => one(signal, () => store.completeAssessment(input, actor)),
    failAssessment: (input, signal) => one(signal, () => store.failAssessment(input, actor)),
    cancelAssessment: (input, signal) => one(signal, () => store.cancelAssessment(input, actor)),
    retryAssessment: (input, signal) => one(signal, () => store.retryAssessment(input, actor)),

    claimAssessments: (input, signal) =>
      call(signal, async (ending) =>
        (await store.claimAssessments(input, actor, ending)).map((claim) => ({ ...claim, assessment: viewOf(claim.assessment) })),
      ),
    heartbeat: (input, signal) => call(signal, () => store.heartbeat(input, actor)),
    releaseAssessments: (input, signal) => call(signal, () => store.releaseAssessments(input, actor)),

    batchCreateAssessments: (input, signal) =>
      call(signal, async () =>
        (await store.batchCreateAssessments(completeRequests(input), actor)).map((result) =>
          result instanceof Error ? shownError(result) : { assessment: viewOf(result.assessment), created: result.created },
        ),
      ),
    batchUpdateProgress: (input, signal) => call(signal, async () => viewsOf(await store.batchUpdateProgress(input, actor))),
    batchCompleteAssessments: (input, signal) => call(signal, async () => viewsOf(await store.batchCompleteAssessments(input, actor))),
    batchRetryFailedAssessments: (input, signal) => call(signal, () => store.batchRetryFailedAssessments(input, actor)),
    batchCancelAssessments: (input, signal) => call(signal, () => store.batchCancelAssessments(input, actor)),
    cleanupOldAssessments: (input, signal) => call(signal, () => store.cleanupOldAssessments(input, actor)),

    getState: (assessmentId, signal) => call(signal, async () => viewOf(await store.getState(assessmentId, actor))),
    waitForCompletion: (input, signal) =>
      call(signal, async (ending): Promise<Awaited> => {
        const { assessmentId, timeoutMs } = Object(input) as WaitForCompletion;
        const isLong = typeof timeoutMs === 'number' && timeoutMs > maxWaitMs && Number.isSafeInteger(timeoutMs);
        const ended = isLong ? await awaitEnd(watch({ assessmentId }, ending), timeoutMs) : undefined;
        if (ended !== undefined) return { assessment: ended, timedOut: false };
        const { assessment, timedOut } = await store.waitForCompletion(isLong ? { assessmentId, timeoutMs: 0 } : input, actor, ending);
        return { assessment: viewOf(assessment), timedOut };
      }),
    listAssessments: (list = {}, signal) => call(signal, async () => pageOf(await store.listAssessments(list, actor), viewOf)),
    searchAssessments: (list, signal) => call(signal, async () => pageOf(await store.searchAssessments(list, actor), viewOf)),
    countAssessments: (list = {}, signal) => call(signal, () => store.countAssessments(list, actor)),
    auditTrail: (assessmentId, page = {}, signal) =>
      call(signal, async () => pageOf(await store.auditTrail(assessmentId, page, actor), auditEntryViewOf)),
    getAssessmentStats: (query = {}, signal) => call(signal, () => store.getAssessmentStats(query, actor)),
    queueStatus: (signal) => call(signal, () => store.queueStatus(actor)),
    getHealthStatus: (signal) => call(signal, () => store.getHealthStatus()),

    watch,
    feed: (input = {}, signal) => open.iterate(signal, () => store.feedAssessments(input, actor), feedUpdateViewOf),
    feedCursor: (signal) => call(signal, () => store.feedCursor(actor)),
    close: async () => open.close(),
  };
}

function viewOf<Row extends Assessment>({ id: _, tenantId: __, ...view }: Row): Omit<Row, 'id' | 'tenantId'> {
  return view;
}

const viewsOf = <Refusal extends Error>(results: (Assessment | Refusal)[]): (AssessmentView | Refusal)[] =>
  results.map((result) => (result instanceof Error ? shownError(result) : viewOf(result)));

/** An error that shows an assessment as its reader sees it. */
function shownError<Thrown>(error: Thrown): Thrown {
  if (!(error instanceof RefusalError) || !('assessment' in error)) return error;
  return Object.assign(error, { assessment: viewOf(error.assessment as Assessment) });
}

const completeRequests = (input: BatchCreateAssessments): BatchCreateAssessments =>
  Array.isArray(Object(input).assessments) ? { ...input, assessments: input.assessments.map(completeRequest) } : input;

const pageOf = <Row, View>({ items, ...place }: Connection<Row>, show: (row: Row) => View): Connection<View> => ({
  items: items.map(({ node, cursor }) => ({ node: show(node), cursor })),
  ...place,
});

const updateViewOf = ({ kind, previousState, assessment }: AssessmentUpdate): UpdateView => ({
  kind,
  previousState,
  assessment: viewOf(assessment),
});

const feedUpdateViewOf = (entry: FeedEntry): FeedUpdateView => ({ ...updateViewOf(entry), cursor: updateCursor(entry) });

const auditEntryViewOf = (entry: AuditEntry): AuditEntryView => ({
  assessmentId: entry.assessmentId,
  oldState: entry.oldState,
  newState: entry.newState,
  versionFrom: entry.versionFrom,
  versionTo: entry.versionTo,
  progress: entry.progress,
  changedBy: entry.changedBy,
  changeReason: entry.changeReason,
  createdAt: entry.createdAt,
});
