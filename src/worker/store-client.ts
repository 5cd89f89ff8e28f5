import type { Actor } from '../store/index.ts';
import type { WorkClient } from './work-client.ts';

type Watch = WorkClient['watchAssessment'];
type Input<Method extends keyof WorkClient> = Parameters<WorkClient[Method]>[0];
type Output<Method extends keyof WorkClient> = ReturnType<WorkClient[Method]>;
type WithActor<Method extends keyof WorkClient> = (input: Input<Method>, actor: Actor) => Output<Method>;

/** What a worker needs of an AssessmentStore. */
export type WorkStore = {
  [Method in Exclude<keyof WorkClient, 'claimAssessments' | 'watchAssessment'>]: WithActor<Method>;
} & {
  claimAssessments(input: Input<'claimAssessments'>, actor: Actor, signal?: AbortSignal): Output<'claimAssessments'>;
  watchAssessment(input: Input<'watchAssessment'>, actor: Actor): ReturnType<Watch>;
};

/** A store in this process as a worker uses it: everything is done in the name of `actor`. */
export const storeAsClient = (store: WorkStore, actor: Actor): WorkClient => ({
  claimAssessments: (input, signal) => store.claimAssessments(input, actor, signal),
  heartbeat: (input) => store.heartbeat(input, actor),
  releaseAssessments: (input) => store.releaseAssessments(input, actor),
  batchUpdateProgress: (input) => store.batchUpdateProgress(input, actor),
  batchCompleteAssessments: (input) => store.batchCompleteAssessments(input, actor),
  failAssessment: (input) => store.failAssessment(input, actor),
  watchAssessment: (input) => store.watchAssessment(input, actor),
});
