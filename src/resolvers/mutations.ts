import type { Context } from '../context.ts';
import type {
  CancelAssessment,
  CompleteAssessment,
  CreateAssessment,
  FailAssessment,
  RetryAssessment,
  StartProcessing,
  UpdateProgress,
} from '../store/index.ts';

interface Args<Input> {
  input: Input;
}

export const createAssessment = (_: unknown, { input }: Args<CreateAssessment>, { store, actor }: Context) =>
  store.createAssessment(input, actor);

export const startProcessing = async (_: unknown, { input }: Args<StartProcessing>, { store, actor }: Context) => ({
  assessment: await store.startProcessing(input, actor),
});

export const updateProgress = async (_: unknown, { input }: Args<UpdateProgress>, { store, actor }: Context) => ({
  assessment: await store.updateProgress(input, actor),
});

export const completeAssessment = async (_: unknown, { input }: Args<CompleteAssessment>, { store, actor }: Context) => ({
  assessment: await store.completeAssessment(input, actor),
});

export const failAssessment = async (_: unknown, { input }: Args<FailAssessment>, { store, actor }: Context) => ({
  assessment: await store.failAssessment(input, actor),
});

export const cancelAssessment = async (_: unknown, { input }: Args<CancelAssessment>, { store, actor }: Context) => ({
  assessment: await store.cancelAssessment(input, actor),
});

export const retryAssessment = async (_: unknown, { input }: Args<RetryAssessment>, { store, actor }: Context) => ({
  assessment: await store.retryAssessment(input, actor),
});
