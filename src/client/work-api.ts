import type { ReleaseResult } from '../store/index.ts';
import type { OpenCalls } from '../store/open-calls.ts';
import type { ReportedAssessment, WorkClient, WorkUpdates } from '../worker/work-client.ts';
import type { Calls } from './calls.ts';
import { claimOf, heartbeatOf, isRefused, refusalOf, type SentClaim, type SentHeartbeat, type SentRefusal } from './decode.ts';
import * as documents from './documents.ts';

type SentReport = { assessment: ReportedAssessment } | SentRefusal;
type Input<Method extends keyof WorkClient> = Parameters<WorkClient[Method]>[0];

/** How long a call of a worker may take, in milliseconds. A worker knows by itself what to send again, and until when. */
const answerWithinMs = 30_000;
/** How much longer than its wait the answer to a long poll may take, in milliseconds. */
const waitSlackMs = 10_000;

export interface WorkApiOptions {
  calls: Calls;
  watch: (assessmentId: string) => WorkUpdates;
  open: OpenCalls;
}

/** What a worker needs, over the API: as the client itself gives it, but nothing is repeated, and reports are answered in brief. */
export class WorkApi implements WorkClient {
  readonly #options: WorkApiOptions;

  constructor(options: WorkApiOptions) {
    this.#options = options;
  }

  claimAssessments(input: Input<'claimAssessments'>, signal?: AbortSignal) {
    const timeoutMs = (input.waitMs ?? 0) + waitSlackMs;
    const decode = ({ claims }: { claims: SentClaim[] }) => claims.map(claimOf);
    return this.#do(documents.claim, input, decode, { timeoutMs, signal });
  }

  heartbeat(input: Input<'heartbeat'>) {
    return this.#do(documents.beat, input, ({ results }: { results: SentHeartbeat[] }) => results.map(heartbeatOf));
  }

  releaseAssessments(input: Input<'releaseAssessments'>) {
    return this.#do(documents.release, input, ({ results }: { results: ReleaseResult[] }) => results);
  }

  batchUpdateProgress(input: Input<'batchUpdateProgress'>) {
    return this.#do(documents.reportProgress, input, ({ results }: { results: SentReport[] }) => results.map(reportOf));
  }

  batchCompleteAssessments(input: Input<'batchCompleteAssessments'>) {
    return this.#do(documents.reportCompletions, input, ({ results }: { results: SentReport[] }) => results.map(reportOf));
  }

  failAssessment(input: Input<'failAssessment'>): Promise<ReportedAssessment> {
    return this.#do(documents.reportFailure, input, (answer: SentReport) => {
      if (isRefused(answer)) throw refusalOf(answer);
      return answer.assessment;
    });
  }

  async watchAssessment({ assessmentId }: Input<'watchAssessment'>): Promise<WorkUpdates> {
    return this.#options.watch(assessmentId);
  }

  #do<Sent, Result>(
    document: string,
    input: object,
    decode: (sent: Sent) => Result,
    { timeoutMs = answerWithinMs, signal }: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<Result> {
    const { calls, open } = this.#options;
    return open.run(signal, (ending) => calls.do({ document, variables: { input }, decode, repeat: 'NEVER', timeoutMs, signal: ending }));
  }
}

const reportOf = (sent: SentReport): ReportedAssessment | Error => (isRefused(sent) ? refusalOf(sent) : sent.assessment);
