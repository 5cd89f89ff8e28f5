import type { Assessments, AssessmentView, Awaited, ClaimedView, CreatedView } from '../store/assessments.ts';
import { awaitEnd } from '../store/await-end.ts';
import {
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  type UnavailableError,
  VersionConflictError,
} from '../store/errors.ts';
import type { AssessmentData, ClaimAssessments, CreateAssessment, HealthStatus, ReleaseResult } from '../store/index.ts';
import { OpenCalls } from '../store/open-calls.ts';
import type { WorkClient } from '../worker/work-client.ts';
import { type CallOptions, Calls, type Repeat } from './calls.ts';
import * as decode from './decode.ts';
import * as documents from './documents.ts';
import { encodeVariables } from './encode.ts';
import { FeedStream } from './feed-stream.ts';
import { HttpTransport } from './http-transport.ts';
import { newId } from './new-id.ts';
import { type AssessmentClientOptions, type ClientSettings, readOptions } from './options.ts';
import { Sockets } from './sockets.ts';
import { Tokens } from './tokens.ts';
import { type Asked, wasDone } from './was-done.ts';
import { WatchStream } from './watch-stream.ts';
import { WorkApi } from './work-api.ts';

type Method<Name extends keyof Assessments> = Assessments[Name];
type SentCreation = { created: boolean; assessment: decode.SentAssessment } | decode.SentRefusal;
type SentChange = { assessment: decode.SentAssessment } | decode.SentRefusal;
type SentStates = { assessmentIds: string[] };
/** A change, yet without the version that it was to follow. */
type Change = Asked extends infer One ? (One extends Asked ? Omit<One, 'expectedVersion'> : never) : never;
type CommandInput = { assessmentId: string; expectedVersion?: number | null | undefined };

const defaultWaitMs = 30_000;
const sentAsIs = <Sent>(sent: Sent): Sent => sent;

/**
 * The service over its API, for Node and browsers. What is safe to repeat is repeated where an answer is lost: reads, creations (each
 * has an id), renewals and releases of claims, and commands that name the version they change. Beside the refusals it throws
 * UnavailableError when the service is away for too long, and ApiError for whatever else the API answers.
 */
export class AssessmentClient implements Assessments {
  /** What a worker needs, with its own way to repeat. `createWorker` finds it by itself. */
  readonly work: WorkClient;
  readonly #settings: ClientSettings;
  readonly #tokens: Tokens;
  readonly #calls: Calls;
  readonly #sockets: Sockets;
  readonly #open = new OpenCalls();

  /** Opens no connection before it is used. @throws TypeError, RangeError for bad options */
  constructor(options: AssessmentClientOptions) {
    const settings = readOptions(options);
    const tokens = new Tokens(settings.token);
    const http = new HttpTransport({ ...settings, tokens });
    this.#settings = settings;
    this.#tokens = tokens;
    this.#calls = new Calls(http, settings);
    this.#sockets = new Sockets({ ...settings, tokens });
    this.work = new WorkApi({ calls: this.#calls, open: this.#open, watch: (assessmentId) => this.watch(assessmentId) as never });
  }

  createAssessment(input: CreateAssessment, signal?: AbortSignal): Promise<CreatedView> {
    const own = input.assessmentId ?? newId();
    return this.#do(signal, {
      ...{ document: documents.create, repeat: 'ALWAYS', variables: { input: { ...input, assessmentId: own } } },
      decode: (sent: SentCreation) => createdOf(sent, input),
    });
  }

  startProcessing: Method<'startProcessing'> = (input, signal) => this.#command(documents.start, input, { verb: 'START' }, signal);

  updateProgress: Method<'updateProgress'> = (input, signal) =>
    this.#command(documents.progress, input, { verb: 'PROGRESS', progress: input.progress, message: input.message }, signal);

  completeAssessment: Method<'completeAssessment'> = (input, signal) =>
    this.#command(documents.complete, input, { verb: 'COMPLETE', result: input.result }, signal);

  failAssessment: Method<'failAssessment'> = (input, signal) =>
    this.#command(documents.fail, input, { verb: 'FAIL', error: input.error }, signal);

  cancelAssessment: Method<'cancelAssessment'> = (input, signal) =>
    this.#command(documents.cancel, input, { verb: 'CANCEL', reason: input.reason }, signal);

  retryAssessment: Method<'retryAssessment'> = (input, signal) =>
    this.#command(documents.retry, input, { verb: 'RETRY', reason: input.reason }, signal);

  claimAssessments(input: ClaimAssessments, signal?: AbortSignal): Promise<ClaimedView[]> {
    return this.#do(signal, {
      ...{ document: documents.claim, repeat: 'IF_UNTOUCHED', variables: { input } },
      timeoutMs: this.#settings.timeoutMs + (Number.isFinite(input.waitMs) ? Number(input.waitMs) : 0),
      decode: ({ claims }: { claims: decode.SentClaim[] }) => claims.map(decode.claimOf),
    });
  }

  heartbeat: Method<'heartbeat'> = (input, signal) =>
    this.#do(signal, {
      ...{ document: documents.beat, repeat: 'ALWAYS', variables: { input } },
      decode: ({ results }: { results: decode.SentHeartbeat[] }) => results.map(decode.heartbeatOf),
    });

  /** Where the first answer was lost, what was given back then is no longer held: `released: false`. */
  releaseAssessments: Method<'releaseAssessments'> = (input, signal) =>
    this.#do(signal, {
      ...{ document: documents.release, repeat: 'ALWAYS', variables: { input } },
      decode: ({ results }: { results: ReleaseResult[] }) => results,
    });

  batchCreateAssessments: Method<'batchCreateAssessments'> = (input, signal) => {
    const assessments = input.assessments.map((item) => ({ ...item, assessmentId: item.assessmentId ?? newId() }));
    return this.#batch(signal, {
      ...{ document: documents.batchCreate, repeat: 'ALWAYS', variables: { input: { ...input, assessments } } },
      decode: ({ results }: { results: SentCreation[] }) =>
        results.map((sent, index) => (decode.isRefused(sent) ? decode.refusalOf(sent) : createdOf(sent, input.assessments[index]))),
    });
  };

  batchUpdateProgress: Method<'batchUpdateProgress'> = (input, signal) =>
    this.#batch(signal, { ...{ document: documents.batchProgress, repeat: 'IF_UNTOUCHED', variables: { input } }, decode: changesOf });

  batchCompleteAssessments: Method<'batchCompleteAssessments'> = (input, signal) =>
    this.#batch(signal, { ...{ document: documents.batchComplete, repeat: 'IF_UNTOUCHED', variables: { input } }, decode: changesOf });

  batchRetryFailedAssessments: Method<'batchRetryFailedAssessments'> = (input, signal) =>
    this.#batch(signal, { ...{ document: documents.batchRetry, repeat: 'IF_UNTOUCHED', variables: { input } }, decode: keysOf });

  batchCancelAssessments: Method<'batchCancelAssessments'> = (input, signal) =>
    this.#batch(signal, { ...{ document: documents.batchCancel, repeat: 'IF_UNTOUCHED', variables: { input } }, decode: keysOf });

  cleanupOldAssessments: Method<'cleanupOldAssessments'> = (input, signal) =>
    this.#batch(signal, {
      ...{ document: documents.cleanup, repeat: input.dryRun ? 'ALWAYS' : 'IF_UNTOUCHED', variables: { input } },
      decode: ({ deletedCount }: { deletedCount: number }) => deletedCount,
    });

  getState(assessmentId: string, signal?: AbortSignal): Promise<AssessmentView & AssessmentData> {
    return this.#read(signal, documents.read, { assessmentId }, (sent: (decode.SentAssessment & AssessmentData) | null) => {
      if (sent === null) throw new NotFoundError(assessmentId);
      return decode.assessmentOf<AssessmentData>(sent);
    });
  }

  waitForCompletion: Method<'waitForCompletion'> = ({ assessmentId, timeoutMs }, signal) =>
    this.#open.run(signal, async (ending): Promise<Awaited> => {
      const waitMs = timeoutMs ?? defaultWaitMs;
      if (!Number.isSafeInteger(waitMs) || waitMs < 0)
        throw new InvalidInputError([{ path: ['timeoutMs'], message: 'must be a whole number of milliseconds, 0 or more' }]);
      const ended = waitMs === 0 ? undefined : await awaitEnd(this.watch(assessmentId, ending), waitMs);
      return ended === undefined ? this.#look(assessmentId, ending) : { assessment: ended, timedOut: false };
    });

  listAssessments: Method<'listAssessments'> = (list = {}, signal) =>
    this.#read(signal, documents.list, list, (sent: decode.SentPage<decode.SentAssessment>) => decode.pageOf(sent, decode.assessmentOf));

  searchAssessments: Method<'searchAssessments'> = (list, signal) => this.listAssessments(list, signal);

  countAssessments: Method<'countAssessments'> = (list = {}, signal) =>
    this.#read(signal, documents.count, list, ({ totalCount }: { totalCount: number }) => totalCount);

  auditTrail: Method<'auditTrail'> = (assessmentId, page = {}, signal) =>
    this.#read(
      signal,
      documents.auditTrail,
      { assessmentId, ...page },
      (sent: { auditTrail: decode.SentPage<decode.SentAuditEntry> } | null) => {
        if (sent === null) throw new NotFoundError(assessmentId);
        return decode.pageOf(sent.auditTrail, decode.auditEntryOf);
      },
    );

  getAssessmentStats: Method<'getAssessmentStats'> = (query = {}, signal) => this.#read(signal, documents.stats, query, decode.statsOf);

  queueStatus: Method<'queueStatus'> = (signal) => this.#read(signal, documents.queueStatus, {}, decode.queueStatusOf);

  getHealthStatus: Method<'getHealthStatus'> = (signal) => this.#read(signal, documents.health, {}, (status: HealthStatus) => status);

  watch: Method<'watch'> = (assessment, signal) => {
    const input = typeof assessment === 'string' ? { assessmentId: assessment } : assessment;
    const open = async () => new WatchStream({ ...this.#liveQueries(), ...input, attempts: this.#settings.connectAttempts });
    return this.#open.iterate(signal, open, sentAsIs);
  };

  feed: Method<'feed'> = ({ where, after } = {}, signal) => {
    const open = async (opening: AbortSignal) => {
      const filter = encodeVariables({ where })['where'] as typeof where;
      return new FeedStream({ ...this.#liveQueries(), where: filter, after: after ?? (await this.feedCursor(opening)) });
    };
    return this.#open.iterate(signal, open, sentAsIs);
  };

  feedCursor: Method<'feedCursor'> = (signal) => this.#read(signal, documents.feedCursor, {}, (cursor: string) => cursor);

  async close(): Promise<void> {
    this.#open.close();
    this.#sockets.close();
  }

  /** A command on one assessment. With the version that it is to change, a lost answer can be made up for. */
  #command(document: string, input: CommandInput, asked: Change, signal: AbortSignal | undefined): Promise<AssessmentView> {
    const { expectedVersion } = input;
    const repeat: Repeat = expectedVersion == null ? 'IF_UNTOUCHED' : 'ALWAYS';
    let lost: UnavailableError | undefined;
    return this.#open.run(signal, async (ending) => {
      try {
        return await this.#calls.do({
          ...{ document, repeat, variables: { input }, decode: changeOf, timeoutMs: this.#settings.timeoutMs, signal: ending },
          onLost: (error) => {
            lost = error;
          },
        });
      } catch (error) {
        if (lost === undefined || expectedVersion == null || !isOvertaken(error)) throw error;
        const done = await this.#foundDone(input.assessmentId, { ...asked, expectedVersion }, ending);
        if (done === undefined) throw error;
        return done;
      }
    });
  }

  /** The assessment, if a change whose answer was lost has been made. */
  async #foundDone(assessmentId: string, asked: Asked, signal: AbortSignal): Promise<AssessmentView | undefined> {
    const [{ requestData: _, resultData: result, ...assessment }, { items }] = await Promise.all([
      this.getState(assessmentId, signal),
      this.auditTrail(assessmentId, { last: 1 }, signal),
    ]);
    const change = items[0]?.node;
    return change !== undefined && wasDone(asked, { assessment, change, result }) ? assessment : undefined;
  }

  #look(assessmentId: string, signal: AbortSignal): Promise<Awaited> {
    return this.#read(
      signal,
      documents.look,
      { assessmentId },
      (sent: { timedOut: boolean; assessment: decode.SentAssessment } | decode.SentRefusal) => {
        if (decode.isRefused(sent)) throw decode.refusalOf(sent);
        return { assessment: decode.assessmentOf(sent.assessment), timedOut: sent.timedOut };
      },
    );
  }

  #read<Sent, Result>(signal: AbortSignal | undefined, document: string, variables: object, decoded: (sent: Sent) => Result) {
    return this.#do(signal, { document, variables, repeat: 'ALWAYS', decode: decoded });
  }

  #batch<Sent, Result>(signal: AbortSignal | undefined, call: Omit<CallOptions<Sent, Result>, 'timeoutMs' | 'signal'>): Promise<Result> {
    return this.#do(signal, { ...call, timeoutMs: this.#settings.batchTimeoutMs });
  }

  #do<Sent, Result>(
    signal: AbortSignal | undefined,
    call: Omit<CallOptions<Sent, Result>, 'timeoutMs' | 'signal'> & { timeoutMs?: number },
  ): Promise<Result> {
    return this.#open.run(signal, (ending) => this.#calls.do({ timeoutMs: this.#settings.timeoutMs, ...call, signal: ending }));
  }

  #liveQueries() {
    return { sockets: this.#sockets, tokens: this.#tokens, settings: this.#settings };
  }
}

/** `created` is also true where only a repeat was answered: nobody else can have made the id that was made here. */
function createdOf(sent: SentCreation, input: CreateAssessment | undefined): CreatedView {
  if (decode.isRefused(sent)) throw decode.refusalOf(sent);
  return { assessment: decode.assessmentOf(sent.assessment), created: sent.created || input?.assessmentId == null };
}

function changeOf(sent: SentChange): AssessmentView {
  if (decode.isRefused(sent)) throw decode.refusalOf(sent);
  return decode.assessmentOf(sent.assessment);
}

const changesOf = ({ results }: { results: SentChange[] }): (AssessmentView | Error)[] =>
  results.map((sent) => (decode.isRefused(sent) ? decode.refusalOf(sent) : decode.assessmentOf<object>(sent.assessment)));

const keysOf = ({ assessmentIds }: SentStates): string[] => assessmentIds;

/** A refusal that the change itself would cause when it is asked for again. */
const isOvertaken = (error: unknown): boolean =>
  error instanceof VersionConflictError || error instanceof InvalidTransitionError || error instanceof ClaimLostError;
