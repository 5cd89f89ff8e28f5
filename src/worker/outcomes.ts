import type { CompleteAssessment, FailAssessment, Logger } from '../store/index.ts';
import type { Claim } from './claim.ts';
import { isUnacceptable, isUnclear } from './refusal.ts';
import type { Report } from './report-queue.ts';
import { Reports } from './reports.ts';
import { checkResult } from './result.ts';
import type { Counts } from './stats.ts';
import { failureOf } from './thrown.ts';
import type { WorkClient } from './work-client.ts';

export interface OutcomesOptions {
  client: WorkClient;
  /** Largest result, in bytes of JSON. */
  maxResultBytes: number;
  counts: Counts;
  /** Nothing is left to do for the claim. */
  onEnd: (claim: Claim) => void;
  log: Logger;
}

type Completion = Report & { completion: CompleteAssessment };
type Failing = Report & { failure: FailAssessment };

/** Most failures that are under way at a time: there is no command for many. */
const maxFailures = 50;

/** Tells the service of the end of the work: its result, or why it failed. */
export class Outcomes {
  readonly #options: OutcomesOptions;
  readonly #completions: Reports<Completion>;
  readonly #failures: Reports<Failing>;
  #onEmpty: (() => void) | undefined;

  constructor(options: OutcomesOptions) {
    const { client, counts, log } = options;
    const onLate = ({ claim }: Report): void => this.#drop(claim, undefined);
    this.#options = options;
    this.#completions = new Reports<Completion>({
      send: (reports) => client.batchCompleteAssessments({ completions: reports.map(({ completion }) => completion) }),
      onAccepted: ({ claim }) => {
        counts.completed++;
        this.#end(claim);
      },
      onRefused: ({ claim }, error) => (isUnacceptable(error) ? this.#fail(claim, error, isUnclear(error)) : this.#drop(claim, error)),
      ...{ onLate, log },
    });
    this.#failures = new Reports<Failing>({
      send: (reports) => Promise.all(reports.map(({ failure }) => client.failAssessment(failure).catch(asError))),
      onAccepted: ({ claim }) => {
        counts.failed++;
        this.#end(claim);
      },
      onRefused: ({ claim }, error) => this.#drop(claim, error),
      ...{ onLate, log, maxItems: maxFailures },
    });
  }

  /** How many are not yet decided. */
  get size(): number {
    return this.#completions.size + this.#failures.size;
  }

  /** The work is done: `outcome` gives its result, or throws what its handler threw. */
  report(claim: Claim, outcome: () => unknown): void {
    try {
      const { result, bytes } = checkResult(outcome(), this.#options.maxResultBytes);
      const { assessmentId } = claim.assessment;
      this.#completions.add({ claim, bytes, completion: { assessmentId, claimToken: claim.token, result } });
    } catch (thrown) {
      this.#fail(claim, thrown);
    }
  }

  /** Resolves when all is reported; at the deadline it gives up what is not. */
  async flush(deadline: number): Promise<void> {
    if (this.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#completions.giveUp();
        this.#failures.giveUp();
        resolve();
      }, deadline - performance.now());
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #fail(claim: Claim, thrown: unknown, mayRetry = true): void {
    const { error, retryable } = failureOf(thrown);
    const { assessmentId } = claim.assessment;
    const failure = { assessmentId, claimToken: claim.token, error, retryable: retryable && mayRetry };
    this.#failures.add({ claim, bytes: error.length, failure });
  }

  #drop(claim: Claim, error: unknown): void {
    const { assessmentId } = claim.assessment;
    const why = error === undefined ? 'the service could not be told in time' : 'the service refused it';
    this.#options.log.warn({ err: error, assessmentId }, `the outcome of an assessment was thrown away: ${why}`);
    this.#options.counts.dropped++;
    this.#end(claim);
  }

  #end(claim: Claim): void {
    this.#options.onEnd(claim);
    // Later: the part that is being decided still counts.
    if (this.#onEmpty !== undefined) setImmediate(() => this.size === 0 && this.#onEmpty?.());
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
