import type { Context } from '../context.ts';
import type { ClaimAssessments, Heartbeat, ReleaseAssessments } from '../store/index.ts';

interface Args<Input> {
  input: Input;
}

export const claimAssessments = async (
  _: unknown,
  { input }: Args<ClaimAssessments>,
  { store, actor, loaders, signal, place }: Context,
) => {
  const claims = await store.claimAssessments(input, actor, signal, () => place?.rest());
  // The requests came with the claims: whoever selects them costs no further statement.
  for (const { assessment } of claims) loaders.request.prime(assessment.id, assessment.requestData);
  return { claims };
};

export const heartbeat = async (_: unknown, { input }: Args<Heartbeat>, { store, actor }: Context) => ({
  results: await store.heartbeat(input, actor),
});

export const releaseAssessments = async (_: unknown, { input }: Args<ReleaseAssessments>, { store, actor }: Context) => ({
  results: await store.releaseAssessments(input, actor),
});

export const queueStatus = (_: unknown, __: unknown, { store, actor }: Context) => store.queueStatus(actor);
