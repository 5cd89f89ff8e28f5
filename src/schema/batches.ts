import * as resolvers from '../resolvers/batches.ts';
import type { Assessment, Created, RefusalError } from '../store/index.ts';
import { admins, workers, writers } from './access.ts';
import * as inputs from './batch-inputs.ts';
import { builder } from './builder.ts';
import { CompleteAssessmentResult, CreateAssessmentResult, UpdateProgressResult } from './mutations.ts';

const inOrder = 'In the order of the input: what was done, or why it was refused.';
type Results<Payload> = { results: (Payload | RefusalError)[] };

// Which refusals a command can give is known by its union; the store promises no more than that they are refusals.
const BatchCreateAssessmentsPayload = builder.objectRef<Results<Created>>('BatchCreateAssessmentsPayload').implement({
  authScopes: writers,
  description: 'What became of each assessment that was to be created.',
  fields: (t) => ({
    results: t.field({ type: [CreateAssessmentResult], description: inOrder, resolve: ({ results }) => results as Created[] }),
  }),
});

type Changed = { assessment: Assessment };

const BatchUpdateProgressPayload = builder.objectRef<Results<Changed>>('BatchUpdateProgressPayload').implement({
  authScopes: workers,
  description: 'What became of each report of progress.',
  fields: (t) => ({
    results: t.field({ type: [UpdateProgressResult], description: inOrder, resolve: ({ results }) => results as Changed[] }),
  }),
});

const BatchCompleteAssessmentsPayload = builder.objectRef<Results<Changed>>('BatchCompleteAssessmentsPayload').implement({
  authScopes: workers,
  description: 'What became of each assessment that was to be completed.',
  fields: (t) => ({
    results: t.field({ type: [CompleteAssessmentResult], description: inOrder, resolve: ({ results }) => results as Changed[] }),
  }),
});

/** The payload of a command that changes what matches a filter. */
const changedByFilter = (name: string, description: string) =>
  builder.objectRef<{ assessmentIds: string[] }>(name).implement({
    authScopes: writers,
    description,
    fields: (t) => ({ assessmentIds: t.exposeStringList('assessmentIds', { description: "By the caller's own keys, the oldest first." }) }),
  });

const BatchRetryFailedAssessmentsPayload = changedByFilter('BatchRetryFailedAssessmentsPayload', 'The assessments that are PENDING again.');
const BatchCancelAssessmentsPayload = changedByFilter('BatchCancelAssessmentsPayload', 'The assessments that were cancelled.');

const CleanupOldAssessmentsPayload = builder.objectRef<{ deletedCount: number }>('CleanupOldAssessmentsPayload').implement({
  authScopes: admins,
  description: 'How much was cleaned up.',
  fields: (t) => ({
    deletedCount: t.exposeInt('deletedCount', { description: 'How many assessments were deleted; with `dryRun`, how many would be.' }),
  }),
});

const atomically =
  ' With `atomic` all or nothing: when one item is refused, nothing is changed, and the others are refused with InvalidInputError for its sake.';

builder.mutationFields((t) => ({
  batchCreateAssessments: t.field({
    authScopes: writers,
    type: BatchCreateAssessmentsPayload,
    description: `Creates up to 10,000 assessments, each as createAssessment does.${atomically}`,
    args: { input: t.arg({ type: inputs.BatchCreateAssessmentsInput, required: true, description: 'The assessments to create.' }) },
    resolve: resolvers.batchCreateAssessments,
  }),
  batchUpdateProgress: t.field({
    authScopes: workers,
    type: BatchUpdateProgressPayload,
    description: `Reports the progress of up to 10,000 assessments, each as updateProgress does.${atomically}`,
    args: {
      input: t.arg({ type: inputs.BatchUpdateProgressInput, required: true, description: 'Which assessments, and how far they are.' }),
    },
    resolve: resolvers.batchUpdateProgress,
  }),
  batchCompleteAssessments: t.field({
    authScopes: workers,
    type: BatchCompleteAssessmentsPayload,
    description: `Completes up to 10,000 assessments, each as completeAssessment does.${atomically}`,
    args: {
      input: t.arg({ type: inputs.BatchCompleteAssessmentsInput, required: true, description: 'Which assessments, and their results.' }),
    },
    resolve: resolvers.batchCompleteAssessments,
  }),
  batchRetryFailedAssessments: t.field({
    authScopes: writers,
    type: BatchRetryFailedAssessmentsPayload,
    description: 'FAILED to PENDING for all that match, the oldest first, in transactions of 500. What is locked by others is passed over.',
    args: { input: t.arg({ type: inputs.BatchRetryFailedAssessmentsInput, required: true, description: 'Which assessments, and why.' }) },
    resolve: resolvers.batchRetryFailedAssessments,
  }),
  batchCancelAssessments: t.field({
    authScopes: writers,
    type: BatchCancelAssessmentsPayload,
    description:
      'PENDING or PROCESSING to CANCELLED for all that match, the oldest first, in transactions of 500. What is locked by others is passed over.',
    args: { input: t.arg({ type: inputs.BatchCancelAssessmentsInput, required: true, description: 'Which assessments, and why.' }) },
    resolve: resolvers.batchCancelAssessments,
  }),
  cleanupOldAssessments: t.field({
    authScopes: admins,
    type: CleanupOldAssessmentsPayload,
    description: 'Deletes assessments that ended long ago, with their audit trails, in transactions of 500.',
    args: { input: t.arg({ type: inputs.CleanupOldAssessmentsInput, required: true, description: 'How long ago.' }) },
    resolve: resolvers.cleanupOldAssessments,
  }),
}));
