import type { z } from 'zod';
import { type Actor, type Assessment, type AssessmentKey, keyString } from './assessment.ts';
import type { AssessmentCache } from './cache.ts';
import { Coalescer } from './coalescer.ts';
import { type CreateOutcome, createAssessments, type NewAssessment } from './create-assessments.ts';
import { type Database, databaseMessageOf, isLockTimeout, isRefusedValue, isWorthRepeating, sqlStateOf } from './database.ts';
import { AlreadyExistsError, InvalidInputError } from './errors.ts';
import type { Hub } from './hub.ts';
import {
  type CancelAssessment,
  type CompleteAssessment,
  type CreateAssessment,
  cancelAssessmentSchema,
  checkInput,
  completeAssessmentSchema,
  createAssessmentSchema,
  encodeBody,
  type FailAssessment,
  failAssessmentSchema,
  type RetryAssessment,
  retryAssessmentSchema,
  type StartProcessing,
  startProcessingSchema,
  type UpdateProgress,
  updateProgressSchema,
} from './inputs.ts';
import { type ChangeInput, judge, lockedError, transitionOf } from './judgement.ts';
import type { Logger } from './logger.ts';
import { newId } from './new-id.ts';
import { requestDataOf, requestHashOf } from './request.ts';
import { type RetryPolicy, type Transition, type TransitionOutcome, transitionAssessments } from './transition-assessments.ts';
import { updateOf } from './updates.ts';

export interface CommandsOptions {
  db: Database;
  hub: Hub;
  /** Told that there may be new words. */
  indexer: { wake: () => void };
  cache: AssessmentCache;
  log: Logger;
  retry: RetryPolicy;
  /** Largest request or result, in bytes of JSON. */
  maxBodyBytes: number;
  /** Most statements of a kind under way at a time. */
  concurrency: number;
  /** How long a command tries to get at a row that somebody else holds locked, in milliseconds. */
  lockPatienceMs: number;
}

/** The assessment, and whether this call created it (false: it was there already, from the same request). */
export interface Created {
  assessment: Assessment;
  created: boolean;
}

const maxRepeats = 5;

/** The commands of the lifecycle: each is checked, shares a statement with others, and is answered after its COMMIT. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #creations: Coalescer<NewAssessment, CreateOutcome>;
  readonly #transitions: Coalescer<Transition, TransitionOutcome>;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: CommandsOptions) {
    const { db, concurrency, retry } = options;
    this.#options = options;
    this.#creations = new Coalescer<NewAssessment, CreateOutcome>({
      execute: (items) => this.#committed(() => createAssessments(db, items), publishable.created),
      keyOf: keyString,
      sizeOf: (item) => item.request.length,
      isItemFault: (error) => isRefusedValue(error) || isLockTimeout(error),
      concurrency,
    });
    this.#transitions = new Coalescer<Transition, TransitionOutcome>({
      execute: (items) => this.#committed(() => transitionAssessments(db, items, retry), publishable.changed),
      keyOf: keyString,
      sizeOf: (item) => item.result?.length ?? 0,
      isItemFault: isRefusedValue,
      concurrency,
    });
  }

  /** Resolves when no command is under way, be it between two tries. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  async createAssessment(input: CreateAssessment, actor: Actor): Promise<Created> {
    const checked = checkInput(createAssessmentSchema, input);
    const id = newId();
    const requestData = requestDataOf(checked);
    const item: NewAssessment = {
      id,
      tenantId: actor.tenantId,
      assessmentId: checked.assessmentId ?? id,
      type: checked.type,
      source: checked.source ?? 'API',
      serverName: checked.serverName ?? null,
      priority: checked.priority ?? 5,
      timeoutMs: checked.timeoutMs ?? null,
      maxRetries: checked.maxRetries ?? 0,
      request: encodeBody('metadata', requestData, this.#options.maxBodyBytes),
      requestHash: requestHashOf(requestData),
      changedBy: actor.subject,
    };
    return this.#tracked(this.#create(item));
  }

  startProcessing(input: StartProcessing, actor: Actor): Promise<Assessment> {
    return this.#change('START', startProcessingSchema, input, actor);
  }

  updateProgress(input: UpdateProgress, actor: Actor): Promise<Assessment> {
    return this.#change('PROGRESS', updateProgressSchema, input, actor);
  }

  completeAssessment(input: CompleteAssessment, actor: Actor): Promise<Assessment> {
    return this.#change('COMPLETE', completeAssessmentSchema, input, actor, ({ result }) => ({
      result: encodeBody('result', result, this.#options.maxBodyBytes),
    }));
  }

  failAssessment(input: FailAssessment, actor: Actor): Promise<Assessment> {
    return this.#change('FAIL', failAssessmentSchema, input, actor, ({ retryable }) => ({ retryable: retryable ?? true }));
  }

  cancelAssessment(input: CancelAssessment, actor: Actor): Promise<Assessment> {
    return this.#change('CANCEL', cancelAssessmentSchema, input, actor);
  }

  retryAssessment(input: RetryAssessment, actor: Actor): Promise<Assessment> {
    return this.#change('RETRY', retryAssessmentSchema, input, actor);
  }

  async #create(item: NewAssessment): Promise<Created> {
    const outcome = await this.#patiently(item, () => this.#creations.run(item).catch(lockedOutcome));
    switch (outcome.outcome) {
      case 'CREATED':
        return { assessment: outcome.assessment, created: true };
      case 'EXISTS':
        if (outcome.requestHash !== item.requestHash) throw new AlreadyExistsError(outcome.assessment);
        return { assessment: outcome.assessment, created: false };
      case 'GONE':
        return this.#create(item);
      case 'LOCKED':
        throw lockedError(item);
      default:
        return outcome satisfies never;
    }
  }

  async #change<Schema extends z.ZodType<ChangeInput>>(
    verb: Transition['verb'],
    schema: Schema,
    input: unknown,
    actor: Actor,
    rest: (checked: z.output<Schema>) => Partial<Transition> = () => ({}),
  ): Promise<Assessment> {
    const checked = checkInput(schema, input);
    const item = transitionOf(verb, checked, actor, rest(checked));
    const outcome = await this.#tracked(this.#patiently(item, () => this.#transitions.run(item)));
    return judge(item, outcome);
  }

  async #tracked<T>(command: Promise<T>): Promise<T> {
    this.#underWay.add(command);
    try {
      return await command;
    } finally {
      this.#underWay.delete(command);
    }
  }

  /** Runs the item again, after a short wait, while somebody else holds what it needs locked; so nobody else's statement waits for it. */
  async #patiently<Outcome extends { outcome: string }>(item: AssessmentKey, run: () => Promise<Outcome>): Promise<Outcome> {
    const deadline = performance.now() + this.#options.lockPatienceMs;
    for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 100)) {
      const outcome = await this.#answered(run());
      if (outcome.outcome !== 'LOCKED') return outcome;
      if (performance.now() > deadline) throw lockedError(item);
      await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())));
    }
  }

  /** Runs a statement, again after a deadlock; then tells cache and hub what it has committed. */
  async #committed<Outcome>(
    statement: () => Promise<Outcome[]>,
    changesOf: (outcomes: readonly Outcome[]) => Change[],
  ): Promise<Outcome[]> {
    for (let repeats = 0; ; repeats++) {
      try {
        const outcomes = await statement();
        this.#tell(changesOf(outcomes));
        return outcomes;
      } catch (error) {
        if (repeats >= maxRepeats || !isWorthRepeating(error)) throw error;
      }
    }
  }

  #tell(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const { cache, hub, indexer } = this.#options;
    const assessments = changes.map(({ assessment }) => assessment);
    cache.forget(changes.filter(({ previousState }) => previousState === null).map(({ assessment }) => assessment));
    cache.put(assessments);
    indexer.wake();
    hub.publish(changes.map(({ assessment, previousState }) => updateOf(assessment, previousState)));
  }

  /** Turns what only the database could refuse about one item into a refusal of its input. */
  async #answered<Outcome>(outcome: Promise<Outcome>): Promise<Outcome> {
    try {
      return await outcome;
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      this.#options.log.warn({ err: error }, 'the database refused a value that the input checks let pass');
      throw new InvalidInputError([
        { path: [], message: `the database refused a value of this input: ${databaseMessageOf(error)} (SQLSTATE ${sqlStateOf(error)})` },
      ]);
    }
  }
}

function lockedOutcome(error: unknown): { outcome: 'LOCKED' } {
  if (isLockTimeout(error)) return { outcome: 'LOCKED' };
  throw error;
}

interface Change {
  assessment: Assessment;
  previousState: Assessment['state'] | null;
}

const publishable = {
  created: (outcomes: readonly CreateOutcome[]): Change[] =>
    outcomes.flatMap((outcome) => (outcome.outcome === 'CREATED' ? [{ assessment: outcome.assessment, previousState: null }] : [])),
  changed: (outcomes: readonly TransitionOutcome[]): Change[] =>
    outcomes.flatMap((outcome) => (outcome.outcome === 'OK' && outcome.changed ? [outcome] : [])),
};
