import { v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import { type Actor, type Assessment, keyString } from './assessment.ts';
import type { AssessmentCache } from './cache.ts';
import { Coalescer } from './coalescer.ts';
import { type CreateOutcome, createAssessments, type NewAssessment } from './create-assessments.ts';
import { type Database, databaseMessageOf, isRefusedValue, isWorthRepeating, sqlStateOf } from './database.ts';
import {
  AlreadyExistsError,
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  UnavailableError,
  VersionConflictError,
} from './errors.ts';
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
import { transitions } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { requestDataOf, requestHashOf } from './request.ts';
import { type RetryPolicy, type Transition, type TransitionOutcome, targetOf, transitionAssessments } from './transition-assessments.ts';
import { updateOf } from './updates.ts';

export interface CommandsOptions {
  db: Database;
  hub: Hub;
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
      isItemFault: isRefusedValue,
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
    const id = uuidv7();
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
    const outcome = await this.#answered(this.#creations.run(item));
    switch (outcome.outcome) {
      case 'CREATED':
        return { assessment: outcome.assessment, created: true };
      case 'EXISTS':
        if (outcome.requestHash !== item.requestHash) throw new AlreadyExistsError(outcome.assessment);
        return { assessment: outcome.assessment, created: false };
      case 'GONE':
        return this.#create(item);
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
    const outcome = await this.#tracked(this.#patiently(item));
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

  /** Runs the item again, after a short wait, while somebody else holds its row locked; so nobody else's statement waits for it. */
  async #patiently(item: Transition): Promise<TransitionOutcome> {
    const deadline = performance.now() + this.#options.lockPatienceMs;
    for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 100)) {
      const outcome = await this.#answered(this.#transitions.run(item));
      if (outcome.outcome !== 'LOCKED') return outcome;
      if (performance.now() > deadline) {
        throw new UnavailableError(
          'TIMEOUT',
          `Assessment "${item.assessmentId}" is locked by another transaction; nothing was changed.`,
          1_000,
        );
      }
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
    const { cache, hub } = this.#options;
    const assessments = changes.map(({ assessment }) => assessment);
    cache.forget(changes.filter(({ previousState }) => previousState === null).map(({ assessment }) => assessment));
    cache.put(assessments);
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

type Maybe<T> = T | null | undefined;

interface ChangeInput {
  assessmentId: string;
  expectedVersion?: Maybe<number>;
  claimToken?: Maybe<string>;
  progress?: number;
  message?: Maybe<string>;
  error?: string;
  reason?: Maybe<string>;
}

const transitionOf = (verb: Transition['verb'], input: ChangeInput, actor: Actor, rest: Partial<Transition>): Transition => ({
  verb,
  tenantId: actor.tenantId,
  assessmentId: input.assessmentId,
  expectedVersion: input.expectedVersion ?? null,
  claimToken: input.claimToken ?? null,
  progress: input.progress ?? null,
  message: input.message ?? null,
  result: null,
  error: input.error ?? null,
  retryable: false,
  jitter: Math.random(),
  changedBy: actor.subject,
  reason: input.reason ?? null,
  ...rest,
});

function judge(item: Transition, outcome: TransitionOutcome): Assessment {
  switch (outcome.outcome) {
    case 'OK':
      return outcome.assessment;
    case 'NOT_FOUND':
      throw new NotFoundError(item.assessmentId);
    case 'VERSION_CONFLICT':
      throw new VersionConflictError(outcome.assessment, item.expectedVersion ?? 0);
    case 'CLAIM_LOST':
      throw new ClaimLostError(outcome.assessment);
    case 'INVALID_TRANSITION': {
      const why = item.verb === 'PROGRESS' ? 'takes no progress: progress is reported while PROCESSING' : undefined;
      throw new InvalidTransitionError(outcome.assessment, targetOf[item.verb], transitions[outcome.assessment.state], why);
    }
    case 'PROGRESS_FELL':
      throw new InvalidInputError([
        { path: ['progress'], message: `must not fall: it is ${outcome.assessment.progress} already, and ${item.progress} is less` },
      ]);
    case 'LOCKED':
      throw new Error('a locked row is no outcome that a caller is told');
    default:
      return outcome satisfies never;
  }
}
