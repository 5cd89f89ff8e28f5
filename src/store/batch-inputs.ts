import { z } from 'zod';
import type { AssessmentFilter } from './filter.ts';
import { type CompleteAssessment, type CreateAssessment, checkInput, maxLength, text, type UpdateProgress, wholeNumber } from './inputs.ts';

/** Bounds of what a batch may ask for. */
export const batchLimits = {
  /** Most items in one call, and most assessments that one call by filter changes. */
  items: 10_000,
  retentionDays: { least: 1, most: 36_500 },
} as const;

const maxInt = 2_147_483_647;
const defaultLimit = 1_000;
const flag = z.boolean({ error: 'must be true or false' }).nullish();
const list = z
  .array(z.unknown(), { error: 'must be a list' })
  .max(batchLimits.items, { error: `must have at most ${batchLimits.items} entries; send more in several calls` });
const filter = z.custom<AssessmentFilter>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be a filter',
);
const byFilter = { limit: wholeNumber(1, batchLimits.items).nullish(), reason: text(maxLength.reason).nullish() };

const retryFailedSchema = z.object({ ...byFilter, maxRetries: wholeNumber(1, maxInt), where: filter.nullish() });
const cancelSchema = z.object({ ...byFilter, where: filter });
const cleanupSchema = z.object({
  retentionDays: wholeNumber(batchLimits.retentionDays.least, batchLimits.retentionDays.most),
  dryRun: flag,
});

/** Whether a batch is all or nothing; false when not given. */
interface Atomic {
  atomic?: boolean | null | undefined;
}

/** What `batchCreateAssessments` takes: at most 10,000 of what `createAssessment` takes. */
export interface BatchCreateAssessments extends Atomic {
  assessments: readonly CreateAssessment[];
}

/** What `batchUpdateProgress` takes: at most 10,000 of what `updateProgress` takes. */
export interface BatchUpdateProgress extends Atomic {
  updates: readonly UpdateProgress[];
}

/** What `batchCompleteAssessments` takes: at most 10,000 of what `completeAssessment` takes. */
export interface BatchCompleteAssessments extends Atomic {
  completions: readonly CompleteAssessment[];
}

/** What `batchRetryFailedAssessments` takes: those with fewer retries than `maxRetries`, at most `limit` (default 1,000). */
export type BatchRetryFailedAssessments = z.input<typeof retryFailedSchema>;
/** What `batchCancelAssessments` takes: at most `limit` (default 1,000). */
export type BatchCancelAssessments = z.input<typeof cancelSchema>;
/** What `cleanupOldAssessments` takes: those that ended more than so many days ago; `dryRun` only counts them. */
export type CleanupOldAssessments = z.input<typeof cleanupSchema>;

/** The items of a batch, themselves unchecked. @throws InvalidInputError naming the list or `atomic` */
export function checkBatch(name: string, input: unknown): { items: unknown[]; atomic: boolean } {
  const checked = checkInput(z.object({ [name]: list, atomic: flag }), input);
  return { items: checked[name] as unknown[], atomic: checked['atomic'] === true };
}

/** @throws InvalidInputError */
export function checkRetryFailed(input: BatchRetryFailedAssessments) {
  return withDefaults(checkInput(retryFailedSchema, input));
}

/** @throws InvalidInputError */
export function checkCancel(input: BatchCancelAssessments) {
  return withDefaults(checkInput(cancelSchema, input));
}

const withDefaults = <Checked extends { limit?: number | null | undefined; reason?: string | null | undefined }>(checked: Checked) => ({
  ...checked,
  limit: checked.limit ?? defaultLimit,
  reason: checked.reason ?? null,
});

/** @throws InvalidInputError */
export function checkCleanup(input: CleanupOldAssessments): { retentionDays: number; dryRun: boolean } {
  const { retentionDays, dryRun } = checkInput(cleanupSchema, input);
  return { retentionDays, dryRun: dryRun === true };
}
