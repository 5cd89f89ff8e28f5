import { builder } from './builder.ts';
import * as commands from './command-inputs.ts';
import { AssessmentFilter } from './inputs.ts';

const atomic = 'Whether it is all or nothing, in one transaction.';
const reason = 'Why, for the audit trail; at most 2,000 characters.';
const limit = 'How many at most, the oldest first: 1 to 10,000.';

export const BatchCreateAssessmentsInput = builder.inputType('BatchCreateAssessmentsInput', {
  description: 'Assessments to create.',
  fields: (t) => ({
    assessments: t.field({ type: [commands.CreateAssessmentInput], required: true, description: 'At most 10,000.' }),
    atomic: t.boolean({ defaultValue: false, description: atomic }),
  }),
});

export const BatchUpdateProgressInput = builder.inputType('BatchUpdateProgressInput', {
  description: 'How far assessments in PROCESSING have got.',
  fields: (t) => ({
    updates: t.field({
      type: [commands.UpdateProgressInput],
      required: true,
      description: 'At most 10,000; those of one assessment are done one after the other.',
    }),
    atomic: t.boolean({ defaultValue: false, description: atomic }),
  }),
});

export const BatchCompleteAssessmentsInput = builder.inputType('BatchCompleteAssessmentsInput', {
  description: 'The results of assessments in PROCESSING.',
  fields: (t) => ({
    completions: t.field({ type: [commands.CompleteAssessmentInput], required: true, description: 'At most 10,000.' }),
    atomic: t.boolean({ defaultValue: false, description: atomic }),
  }),
});

export const BatchRetryFailedAssessmentsInput = builder.inputType('BatchRetryFailedAssessmentsInput', {
  description: 'FAILED assessments to try again from the start.',
  fields: (t) => ({
    maxRetries: t.int({ required: true, description: 'Only those that were tried again fewer times than this; at least 1.' }),
    where: t.field({ type: AssessmentFilter, description: 'Which of them. Default: all.' }),
    limit: t.int({ defaultValue: 1_000, description: limit }),
    reason: t.string({ description: reason }),
  }),
});

export const BatchCancelAssessmentsInput = builder.inputType('BatchCancelAssessmentsInput', {
  description: 'Assessments to give up, PENDING or PROCESSING.',
  fields: (t) => ({
    where: t.field({ type: AssessmentFilter, required: true, description: 'Which of them; without a condition it is refused.' }),
    limit: t.int({ defaultValue: 1_000, description: limit }),
    reason: t.string({ description: reason }),
  }),
});

export const CleanupOldAssessmentsInput = builder.inputType('CleanupOldAssessmentsInput', {
  description: 'COMPLETED, FAILED and CANCELLED assessments to delete.',
  fields: (t) => ({
    retentionDays: t.int({ required: true, description: 'Only those that ended more than so many days ago: 1 to 36,500.' }),
    dryRun: t.boolean({ defaultValue: false, description: 'Whether to count them only.' }),
  }),
});
