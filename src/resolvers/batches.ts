import type { Context } from '../context.ts';
import type {
  Assessment,
  BatchCancelAssessments,
  BatchCompleteAssessments,
  BatchCreateAssessments,
  BatchRetryFailedAssessments,
  BatchUpdateProgress,
  CleanupOldAssessments,
  RefusalError,
} from '../store/index.ts';

interface Args<Input> {
  input: Input;
}

export const batchCreateAssessments = async (_: unknown, { input }: Args<BatchCreateAssessments>, { store, actor }: Context) => ({
  results: await store.batchCreateAssessments(input, actor),
});

export const batchUpdateProgress = async (_: unknown, { input }: Args<BatchUpdateProgress>, { store, actor }: Context) => ({
  results: asPayloads(await store.batchUpdateProgress(input, actor)),
});

export const batchCompleteAssessments = async (_: unknown, { input }: Args<BatchCompleteAssessments>, { store, actor }: Context) => ({
  results: asPayloads(await store.batchCompleteAssessments(input, actor)),
});

export const batchRetryFailedAssessments = async (_: unknown, { input }: Args<BatchRetryFailedAssessments>, { store, actor }: Context) => ({
  assessmentIds: await store.batchRetryFailedAssessments(input, actor),
});

export const batchCancelAssessments = async (_: unknown, { input }: Args<BatchCancelAssessments>, { store, actor }: Context) => ({
  assessmentIds: await store.batchCancelAssessments(input, actor),
});

export const cleanupOldAssessments = async (_: unknown, { input }: Args<CleanupOldAssessments>, { store, actor }: Context) => ({
  deletedCount: await store.cleanupOldAssessments(input, actor),
});

const asPayloads = (results: (Assessment | RefusalError)[]) =>
  results.map((result) => (result instanceof Error ? result : { assessment: result }));
