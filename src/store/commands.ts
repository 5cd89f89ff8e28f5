import type { z } from 'zod';
import type { Change } from './announce.ts';
import { type Actor, type Assessment, type AssessmentKey, keyString } from './assessment.ts';
import { Coalescer } from './coalescer.ts';
import { type CreateOutcome, createAssessments, type NewAssessment } from './create-assessments.ts';
import { type Database, isLockTimeout, isRefusedValue, repeatAfterConflict } from './database.ts';
import {
  type CancelAssessment,
  type CompleteAssessment,
  type CreateAssessment,
  cancelAssessmentSchema,
  checkInput,
  completeAssessmentSchema,
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
import { type Created, judgeCreation, newAssessmentOf } from './new-assessment.ts';
import { refusedValue } from './refused-value.ts';
import type { BatchedStatement, StoreTelemetry } from './telemetry.ts';
import { type StoreTracer, traced } from './tracer.ts';
import { type RetryPolicy, type Transition, type TransitionOutcome, transitionAssessments } from './transition-assessments.ts';
import { UnderWay } from './under-way.ts';

export interface CommandsOptions {
  db: Database;
  /** Tells everybody of what was committed. */
  announce: (changes: readonly Change[]) => void;
  telemetry: StoreTelemetry;
  tracer: StoreTracer | undefined;
  log: Logger;
  retry: RetryPolicy;
  /** Largest request or result, in bytes of JSON. */
  maxBodyBytes: number;
  /** Most statements of a kind under way at a time. */
  concurrency: number;
  /** How long a command tries to get at a row that somebody else holds locked, in milliseconds. */
  lockPatienceMs: number;
}

/** The commands of the lifecycle: each is checked, shares a statement with others, and is answered after its COMMIT. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #creations: Coalescer<NewAssessment, CreateOutcome>;
  readonly #transitions: Coalescer<Transition, TransitionOutcome>;
  readonly #underWay = new UnderWay();

  constructor(options: CommandsOptions) {
    const { db, concurrency, retry, telemetry, tracer } = options;
    this.#options = options;
    this.#creations = new Coalescer<NewAssessment, CreateOutcome>({
      execute: async (items) => {
        telemetry.batch('createAssessments', items.length);
        const create = () => this.committed(() => createAssessments(db, items), publishable.created);
        const outcomes = await traced(tracer, 'createAssessments', items, create);
        for (const { outcome } of outcomes) telemetry.outcome('CREATE', outcome);
        return outcomes;
      },
      keyOf: keyString,
      laneOf: ({ tenantId }) => tenantId,
      sizeOf: (item) => item.request.length,
      isItemFault: (error) => isRefusedValue(error) || isLockTimeout(error),
      concurrency,
    });
    this.#transitions = new Coalescer<Transition, TransitionOutcome>({
      execute: async (items) => {
        telemetry.batch('transitionAssessments', items.length);
        const change = () => this.committed(() => transitionAssessments(db, items, retry), publishable.changed);
        const outcomes = await traced(tracer, 'transitionAssessments', items, change);
        for (let index = 0; index < items.length; index++)
          telemetry.outcome((items[index] as Transition).verb, outcomes[index]?.outcome ?? 'NONE');
        return outcomes;
      },
      keyOf: keyString,
      laneOf: ({ tenantId }) => tenantId,
      sizeOf: (item) => item.result?.length ?? 0,
      isItemFault: isRefusedValue,
      concurrency,
    });
  }

  /** Resolves when no command is under way, be it between two tries. */
  async idle(): Promise<void> {
    await this.#underWay.idle();
  }

  async createAssessment(input: CreateAssessment, actor: Actor): Promise<Created> {
    return this.tracked(this.create(newAssessmentOf(input, actor, this.#options.maxBodyBytes)));
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

  /** Runs a creation that was checked before; tries to get at what is locked until `deadline`, by `performance.now()`. */
  async create(item: NewAssessment, deadline = this.lockDeadline()): Promise<Created> {
    this.#options.tracer?.join(item);
    const outcome = await this.#patiently(item, deadline, () => this.#creations.run(item).catch(lockedOutcome));
    switch (outcome.outcome) {
      case 'CREATED':
      case 'EXISTS':
        return judgeCreation(item, outcome);
      case 'GONE':
        return this.create(item, deadline);
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
    return this.tracked(this.change(item));
  }

  /** Runs a change that was checked before; tries to get at what is locked until `deadline`, by `performance.now()`. */
  async change(item: Transition, deadline = this.lockDeadline()): Promise<Assessment> {
    this.#options.tracer?.join(item);
    return judge(item, await this.#patiently(item, deadline, () => this.#transitions.run(item)));
  }

  /** Until when a command that begins now tries to get at what somebody else holds locked, by `performance.now()`. */
  lockDeadline(): number {
    return performance.now() + this.#options.lockPatienceMs;
  }

  /** Counts the command as under way until it has ended; see {@link idle}. */
  tracked<T>(command: Promise<T>): Promise<T> {
    return this.#underWay.track(command);
  }

  /** Runs the item again, after a short wait, while somebody else holds what it needs locked; so nobody else's statement waits for it. */
  async #patiently<Outcome extends { outcome: string }>(
    item: AssessmentKey,
    deadline: number,
    run: () => Promise<Outcome>,
  ): Promise<Outcome> {
    for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 100)) {
      const outcome = await this.#answered(run());
      if (outcome.outcome !== 'LOCKED') return outcome;
      if (performance.now() > deadline) throw lockedError(item);
      await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())));
    }
  }

  /** Runs a statement, again after a deadlock; then tells everybody what it has committed. */
  async committed<Outcome>(statement: () => Promise<Outcome[]>, changesOf: (outcomes: readonly Outcome[]) => Change[]): Promise<Outcome[]> {
    const outcomes = await repeatAfterConflict(statement);
    this.tell(changesOf(outcomes));
    return outcomes;
  }

  /** Notes that a statement for so many assessments is sent. */
  noteBatch(statement: BatchedStatement, size: number): void {
    this.#options.telemetry.batch(statement, size);
  }

  /** Tells everybody of what was committed. */
  tell(changes: readonly Change[]): void {
    this.#options.announce(changes);
  }

  /** Turns what only the database could refuse about one item into a refusal of its input. */
  async #answered<Outcome>(outcome: Promise<Outcome>): Promise<Outcome> {
    try {
      return await outcome;
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      throw refusedValue(error, this.#options.log);
    }
  }
}

function lockedOutcome(error: unknown): { outcome: 'LOCKED' } {
  if (isLockTimeout(error)) return { outcome: 'LOCKED' };
  throw error;
}

/** A change that was committed; `previousState` null: the creation. */
/** What of the outcomes of a statement others are to be told of. */
export const publishable = {
  created: (outcomes: readonly CreateOutcome[]): Change[] =>
    outcomes.flatMap((outcome) => (outcome.outcome === 'CREATED' ? [{ assessment: outcome.assessment, previousState: null }] : [])),
  changed: (outcomes: readonly TransitionOutcome[]): Change[] =>
    outcomes.flatMap((outcome) => (outcome.outcome === 'OK' && outcome.changed ? [outcome] : [])),
};
