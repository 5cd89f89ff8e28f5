import { z } from 'zod';
import type { Actor, Assessment, AssessmentKey } from './assessment.ts';
import type { AssessmentCache } from './cache.ts';
import type { Changes, KnownVersion } from './changes-since.ts';
import { InvalidInputError, NotFoundError } from './errors.ts';
import type { Hub } from './hub.ts';
import { assessmentIdSchema, checkInput } from './inputs.ts';
import { isTerminal } from './lifecycle.ts';
import type { Watch } from './watch.ts';

/** Longest wait, in milliseconds: ten minutes. */
export const maxWaitMs = 600_000;
const defaultWaitMs = 30_000;

export interface WaitForCompletion {
  assessmentId: string;
  /** How long to wait at most, in milliseconds: 0 (only look) to 600,000. Default 30,000. */
  timeoutMs?: number | null | undefined;
}

export interface WatchAssessment {
  assessmentId: string;
  /** The version that the caller has seen: what is not newer is left out. */
  afterVersion?: number | null | undefined;
}

export interface WaitingOptions {
  hub: Hub;
  cache: AssessmentCache;
  /** Reads the assessment from the database as it is now. */
  read: (key: AssessmentKey) => Promise<Assessment | undefined>;
  changesSince: (known: readonly KnownVersion[]) => Promise<Changes>;
}

const waitSchema = z.object({
  assessmentId: assessmentIdSchema,
  timeoutMs: z
    .int('must be a whole number of milliseconds')
    .min(0, 'must be 0 or more milliseconds')
    .max(maxWaitMs, `must be at most ${maxWaitMs} milliseconds; to wait longer, ask again or subscribe to assessmentUpdated`)
    .nullish(),
});
const watchSchema = z.object({
  assessmentId: assessmentIdSchema,
  afterVersion: z.int('must be a whole number').min(0, 'must be 0 or more: a version that was seen').nullish(),
});

/** Waiting for the end of an assessment; every way of waiting goes through the hub, and none asks the database again and again. */
export class Waiting {
  readonly #options: WaitingOptions;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /**
   * The updates of one assessment, as an iterator: first a SNAPSHOT of the state that it has now (left out where `afterVersion` is that
   * version), then later versions in order. A slow reader may skip versions, never sees them out of order, and always gets the first
   * terminal one, after which the iterator is done.
   * @throws NotFoundError when there is no such assessment.
   * @throws InvalidInputError naming the argument, also for an `afterVersion` that the assessment has not reached.
   */
  async watch(input: WatchAssessment, actor: Actor): Promise<Watch> {
    const { assessmentId, afterVersion } = checkInput(watchSchema, input);
    const key = { tenantId: actor.tenantId, assessmentId };
    const watch = await this.#options.hub.attach(key);
    try {
      const assessment = await this.#options.read(key);
      if (assessment === undefined) throw new NotFoundError(assessmentId);
      if (typeof afterVersion !== 'number') watch.begin(assessment);
      else await this.#resume(watch, assessment, afterVersion);
      return watch;
    } catch (error) {
      await watch.return();
      throw error;
    }
  }

  /**
   * Resolves as soon as the assessment is terminal, or with `timedOut: true` and the state it has by then.
   * @throws NotFoundError, InvalidInputError; the signal's reason when it is aborted.
   */
  async forCompletion(
    input: WaitForCompletion,
    actor: Actor,
    signal?: AbortSignal,
    onWait?: () => void,
  ): Promise<{ assessment: Assessment; timedOut: boolean }> {
    const { assessmentId, timeoutMs } = checkInput(waitSchema, input);
    signal?.throwIfAborted();
    const key = { tenantId: actor.tenantId, assessmentId };
    const [cached] = await this.#options.cache.get([key]);
    if (cached !== undefined) return { assessment: cached, timedOut: false };
    const watch = await this.watch({ assessmentId }, actor);
    onWait?.();
    const giveUp = (): void => void watch.return();
    const timer = setTimeout(giveUp, timeoutMs ?? defaultWaitMs);
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp(); // while the watch was being made: nobody is told of that
    try {
      for await (const { assessment } of watch) if (isTerminal(assessment.state)) return { assessment, timedOut: false };
      signal?.throwIfAborted();
      return await this.#afterTimeout(key);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      await watch.return();
    }
  }

  async #afterTimeout(key: AssessmentKey): Promise<{ assessment: Assessment; timedOut: boolean }> {
    const assessment = await this.#options.read(key);
    if (assessment === undefined) throw new NotFoundError(key.assessmentId);
    return { assessment, timedOut: !isTerminal(assessment.state) };
  }

  /** Begins after a version that the reader has seen; an end that it missed (FAILED, then retried) is what it gets first, and last. */
  async #resume(watch: Watch, assessment: Assessment, afterVersion: number): Promise<void> {
    if (afterVersion > assessment.version) {
      throw new InvalidInputError([
        {
          path: ['afterVersion'],
          message: `must be a version that was seen: assessment "${assessment.assessmentId}" has version ${assessment.version}`,
        },
      ]);
    }
    const mayHaveEnded =
      afterVersion > 0 && afterVersion + 1 < assessment.version && assessment.retryCount > 0 && !isTerminal(assessment.state);
    const [missed] = mayHaveEnded ? (await this.#options.changesSince([{ ...watch.key, version: afterVersion }])).updates : [];
    // Also where it has ended for good since it was read: what it was before then hides an end.
    watch.begin(missed?.assessment ?? assessment, afterVersion);
  }
}
