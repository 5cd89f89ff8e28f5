import type { Assessments, AssessmentView, Awaited } from '../store/assessments.ts';
import { awaitEnd } from '../store/await-end.ts';
import { InvalidInputError } from '../store/errors.ts';
import type { AssessmentData, ClaimAssessments, HealthStatus, ReleaseResult } from '../store/index.ts';
import { OpenCalls } from '../store/open-calls.ts';
import type { WorkClient } from '../worker/work-client.ts';
import { type CallOptions, Calls } from './calls.ts';
import { type Change, type CommandInput, runCommand } from './command.ts';
import * as decode from './decode.ts';
import * as documents from './documents.ts';
import { checkObject, encodeVariables } from './encode.ts';
import { FeedStream } from './feed-stream.ts';
import { HttpTransport } from './http-transport.ts';
import { type ItemBatch, runItemBatch } from './item-batch.ts';
import { known } from './known-fields.ts';
import { type AssessmentClientOptions, type ClientSettings, readOptions } from './options.ts';
import { Sockets } from './sockets.ts';
import { Tokens } from './tokens.ts';
import { WatchStream } from './watch-stream.ts';
import { withId } from './with-id.ts';
import { WorkApi } from './work-api.ts';

type Method<Name extends keyof Assessments> = Assessments[Name];
type SentStates = { assessmentIds: string[] };
/** A call, yet without what is the same for all. */
type Ask<Sent, Result> = Omit<CallOptions<Sent, Result>, 'timeoutMs' | 'signal'> & { timeoutMs?: number };
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
  readonly #calls: Calls;
  readonly #sockets: Sockets;
  readonly #open = new OpenCalls();

  /** Opens no connection before it is used. @throws TypeError, RangeError for bad options */
  constructor(options: AssessmentClientOptions) {
    const settings = readOptions(options);
    const tokens = new Tokens(settings.token);
    const http = new HttpTransport({ ...settings, tokens });
    this.#settings = settings;
    this.#calls = new Calls(http, settings);
    this.#sockets = new Sockets({ ...settings, tokens });
    this.work = new WorkApi({ calls: this.#calls, open: this.#open, watch: (assessmentId) => this.watch(assessmentId) as never });
  }

  createAssessment: Method<'createAssessment'> = (input, signal) =>
    this.#do(signal, {
      ...{ document: documents.create, repeat: 'ALWAYS', variables: { input: withId(input) } },
      decode: (sent: decode.SentCreation) => decode.accepted(decode.createdOf(sent, input)),
    });

  startProcessing: Method<'startProcessing'> = (input, signal) => this.#command(documents.start, input, () => ({ verb: 'START' }), signal);

  updateProgress: Method<'updateProgress'> = (input, signal) =>
    this.#command(documents.progress, input, ({ progress, message }) => ({ verb: 'PROGRESS', progress, message }), signal);

  completeAssessment: Method<'completeAssessment'> = (input, signal) =>
    this.#command(documents.complete, input, ({ result }) => ({ verb: 'COMPLETE', result }), signal);

  failAssessment: Method<'failAssessment'> = (input, signal) =>
    this.#command(documents.fail, input, ({ error }) => ({ verb: 'FAIL', error }), signal);

  cancelAssessment: Method<'cancelAssessment'> = (input, signal) =>
    this.#command(documents.cancel, input, ({ reason }) => ({ verb: 'CANCEL', reason }), signal);

  retryAssessment: Method<'retryAssessment'> = (input, signal) =>
    this.#command(documents.retry, input, ({ reason }) => ({ verb: 'RETRY', reason }), signal);

  claimAssessments: Method<'claimAssessments'> = (input, signal) => {
    const { waitMs } = Object(input) as Partial<ClaimAssessments>;
    return this.#do(signal, {
      ...{ document: documents.claim, repeat: 'IF_UNTOUCHED', variables: { input } },
      timeoutMs: this.#settings.timeoutMs + (Number.isFinite(waitMs) ? Number(waitMs) : 0),
      decode: ({ claims }: { claims: decode.SentClaim[] }) => claims.map(decode.claimOf),
    });
  };

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

  batchCreateAssessments: Method<'batchCreateAssessments'> = (input, signal) =>
    this.#items(signal, {
      ...{ document: documents.batchCreate, repeat: 'ALWAYS', input, list: 'assessments', itemOf: withId },
      read: (sent: decode.SentCreation, index) => decode.createdOf(sent, input.assessments[index]),
    });

  batchUpdateProgress: Method<'batchUpdateProgress'> = (input, signal) =>
    this.#items(signal, {
      ...{ document: documents.batchProgress, repeat: 'IF_UNTOUCHED', input, list: 'updates' },
      ...{ itemOf: (item) => known('UpdateProgressInput', item), read: decode.changeOf },
    });

  batchCompleteAssessments: Method<'batchCompleteAssessments'> = (input, signal) =>
    this.#items(signal, {
      ...{ document: documents.batchComplete, repeat: 'IF_UNTOUCHED', input, list: 'completions' },
      ...{ itemOf: (item) => known('CompleteAssessmentInput', item), read: decode.changeOf },
    });

  batchRetryFailedAssessments: Method<'batchRetryFailedAssessments'> = (input, signal) =>
    this.#batch(signal, { ...{ document: documents.batchRetry, repeat: 'IF_UNTOUCHED', variables: { input } }, decode: keysOf });

  batchCancelAssessments: Method<'batchCancelAssessments'> = (input, signal) =>
    this.#batch(signal, { ...{ document: documents.batchCancel, repeat: 'IF_UNTOUCHED', variables: { input } }, decode: keysOf });

  cleanupOldAssessments: Method<'cleanupOldAssessments'> = (input, signal) =>
    this.#batch(signal, {
      ...{ document: documents.cleanup, repeat: Object(input).dryRun ? 'ALWAYS' : 'IF_UNTOUCHED', variables: { input } },
      decode: ({ deletedCount }: { deletedCount: number }) => deletedCount,
    });

  getState: Method<'getState'> = (assessmentId, signal) =>
    this.#read(signal, documents.read, { assessmentId }, (sent: (decode.SentAssessment & AssessmentData) | null) =>
      decode.assessmentOf<AssessmentData>(decode.existing(sent, assessmentId)),
    );

  waitForCompletion: Method<'waitForCompletion'> = (input, signal) =>
    this.#open.run(signal, async (ending): Promise<Awaited> => {
      const { assessmentId, timeoutMs } = checkObject(input);
      const waitMs = timeoutMs ?? defaultWaitMs;
      if (!Number.isSafeInteger(waitMs) || waitMs < 0)
        throw new InvalidInputError([{ path: ['timeoutMs'], message: 'must be a whole number of milliseconds, 0 or more' }]);
      const ended = waitMs === 0 ? undefined : await awaitEnd(this.watch({ assessmentId }, ending), waitMs);
      return ended === undefined ? this.#look(assessmentId, ending) : { assessment: ended, timedOut: false };
    });

  listAssessments: Method<'listAssessments'> = (list = {}, signal) =>
    this.#read(signal, documents.list, list, (sent: decode.SentPage<decode.SentAssessment>) => decode.pageOf(sent, decode.assessmentOf));

  searchAssessments: Method<'searchAssessments'> = (list, signal) => this.listAssessments(list, signal);

  countAssessments: Method<'countAssessments'> = (list = {}, signal) =>
    this.#read(signal, documents.count, list, ({ totalCount }: { totalCount: number }) => totalCount);

  auditTrail: Method<'auditTrail'> = (assessmentId, page = {}, signal) => {
    type Sent = { auditTrail: decode.SentPage<decode.SentAuditEntry> } | null;
    return this.#read(signal, documents.auditTrail, { assessmentId, ...page }, (sent: Sent) =>
      decode.pageOf(decode.existing(sent, assessmentId).auditTrail, decode.auditEntryOf),
    );
  };

  getAssessmentStats: Method<'getAssessmentStats'> = (query = {}, signal) => this.#read(signal, documents.stats, query, decode.statsOf);

  queueStatus: Method<'queueStatus'> = (signal) => this.#read(signal, documents.queueStatus, {}, decode.queueStatusOf);

  getHealthStatus: Method<'getHealthStatus'> = (signal) => this.#read(signal, documents.health, {}, (status: HealthStatus) => status);

  watch: Method<'watch'> = (assessment, signal) => {
    const input = typeof assessment === 'string' ? { assessmentId: assessment } : assessment;
    const open = async () => new WatchStream({ ...this.#liveQueries(), ...encodeVariables({ ...input }) });
    return this.#open.iterate(signal, open, sentAsIs);
  };

  feed: Method<'feed'> = (input, signal) => {
    const open = async (opening: AbortSignal) => {
      const { where, after } = encodeVariables({ ...input });
      return new FeedStream({ ...this.#liveQueries(), where, after: after ?? (await this.feedCursor(opening)) });
    };
    return this.#open.iterate(signal, open, sentAsIs);
  };

  feedCursor: Method<'feedCursor'> = (signal) => this.#read(signal, documents.feedCursor, {}, (cursor: string) => cursor);

  close: Method<'close'> = async () => {
    this.#open.close();
    await this.#sockets.close();
  };

  #command<Input extends CommandInput>(
    document: string,
    input: Input,
    changeBy: (input: Input) => Change,
    signal: AbortSignal | undefined,
  ): Promise<AssessmentView> {
    const { timeoutMs } = this.#settings;
    return this.#open.run(signal, (ending) => runCommand(this.#calls, { document, input, changeBy, timeoutMs, signal: ending }));
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
    return this.#do(signal, { document, variables: { ...variables }, repeat: 'ALWAYS', decode: decoded });
  }

  #batch<Sent, Result>(signal: AbortSignal | undefined, call: Ask<Sent, Result>): Promise<Result> {
    return this.#do(signal, { ...call, timeoutMs: this.#settings.batchTimeoutMs });
  }

  #items<Sent, Result>(
    signal: AbortSignal | undefined,
    batch: Omit<ItemBatch<Sent, Result>, 'timeoutMs' | 'signal'>,
  ): Promise<(Result | Error)[]> {
    const { batchTimeoutMs: timeoutMs } = this.#settings;
    return this.#open.run(signal, (ending) => runItemBatch(this.#calls, { ...batch, timeoutMs, signal: ending }));
  }

  #do<Sent, Result>(signal: AbortSignal | undefined, call: Ask<Sent, Result>): Promise<Result> {
    const { timeoutMs } = this.#settings;
    return this.#open.run(signal, (ending) => this.#calls.do({ timeoutMs, ...call, signal: ending }));
  }

  #liveQueries() {
    return { sockets: this.#sockets, settings: this.#settings };
  }
}

const keysOf = ({ assessmentIds }: SentStates): string[] => assessmentIds;
