import type { z } from 'zod';
import type { Change } from './announce.ts';
import type { Actor, Assessment, AssessmentKey } from './assessment.ts';
import { type Commands, publishable } from './commands.ts';
import { type CreateOutcome, createAssessments, type NewAssessment } from './create-assessments.ts';
import type { Database } from './database.ts';
import { checkInput, completeAssessmentSchema, encodeBody, type UpdateProgress, updateProgressSchema } from './inputs.ts';
import { judge, transitionOf } from './judgement.ts';
import { lockAssessments } from './lock-assessments.ts';
import { type Created, judgeCreation, newAssessmentOf } from './new-assessment.ts';
import { type RetryPolicy, type Transition, type TransitionOutcome, transitionAssessments } from './transition-assessments.ts';

/** What the items of a batch are, and how they are done: each by itself, or all in one transaction. */
export interface BatchKind<Item extends AssessmentKey, Outcome, Result> {
  /** The checked item. @throws InvalidInputError */
  itemOf(input: unknown): Item;
  /** Does one item as a command of its own; tries to get at what is locked until `deadline`. @throws RefusalError, UnavailableError */
  runAlone(item: Item, deadline: number): Promise<Result>;
  /** What an atomic batch begins its transaction with. */
  prepare(transaction: Database, items: readonly Item[]): Promise<void>;
  /** One statement for items of which no two name the same assessment. */
  execute(transaction: Database, items: readonly Item[]): Promise<Outcome[]>;
  /** Undefined: somebody else is at it, try the transaction again. @throws RefusalError */
  judge(item: Item, outcome: Outcome): Result | undefined;
  changesOf(outcomes: readonly Outcome[]): Change[];
}

interface KindOptions {
  commands: Commands;
  actor: Actor;
  retry: RetryPolicy;
  /** Largest request or result, in bytes of JSON. */
  maxBodyBytes: number;
}

export const creations = ({ commands, actor, maxBodyBytes }: KindOptions): BatchKind<NewAssessment, CreateOutcome, Created> => ({
  itemOf: (input) => newAssessmentOf(input as Parameters<typeof newAssessmentOf>[0], actor, maxBodyBytes),
  runAlone: (item, deadline) => commands.create(item, deadline),
  prepare: async () => {}, // the statement itself waits for keys that others are about to insert, not for long
  execute: (transaction, items) => {
    commands.noteBatch('createAssessments', items.length);
    return createAssessments(transaction, items);
  },
  judge: (item, outcome) => (outcome.outcome === 'GONE' ? undefined : judgeCreation(item, outcome)),
  changesOf: publishable.created,
});

type Changes = BatchKind<Transition, TransitionOutcome, Assessment>;

const transitions = ({ commands, retry }: KindOptions, itemOf: Changes['itemOf']): Changes => ({
  itemOf,
  runAlone: (item, deadline) => commands.change(item, deadline),
  prepare: lockAssessments,
  execute: (transaction, items) => {
    commands.noteBatch('transitionAssessments', items.length);
    return transitionAssessments(transaction, items, retry);
  },
  judge: (item, outcome) => (outcome.outcome === 'LOCKED' ? undefined : judge(item, outcome)),
  changesOf: publishable.changed,
});

export const progressUpdates = (options: KindOptions): Changes =>
  transitions(options, (input) =>
    transitionOf('PROGRESS', checkInput<z.ZodType<UpdateProgress>>(updateProgressSchema, input), options.actor, {}),
  );

export const completions = (options: KindOptions): Changes =>
  transitions(options, (input) => {
    const checked = checkInput(completeAssessmentSchema, input);
    return transitionOf('COMPLETE', checked, options.actor, { result: encodeBody('result', checked.result, options.maxBodyBytes) });
  });
