import * as resolvers from '../resolvers/mutations.ts';
import {
  AlreadyExistsError,
  type Assessment,
  ClaimLostError,
  type Created,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  VersionConflictError,
} from '../store/index.ts';
import { participants, workers, writers } from './access.ts';
import { AssessmentNode } from './assessment.ts';
import { builder } from './builder.ts';
import * as inputs from './command-inputs.ts';

const CreateAssessmentPayload = builder.objectRef<Created>('CreateAssessmentPayload').implement({
  authScopes: participants,
  description: 'The assessment that was asked for.',
  fields: (t) => ({
    assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment.' }),
    created: t.exposeBoolean('created', {
      description: 'Whether this call created it; false: the same request was made before, and this is its assessment.',
    }),
  }),
});

/** The payload of a command that gives the assessment as it is after it. */
const payload = (name: string, description: string) =>
  builder.objectRef<{ assessment: Assessment }>(name).implement({
    authScopes: participants,
    description,
    fields: (t) => ({ assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment as it is now.' }) }),
  });

const StartProcessingPayload = payload('StartProcessingPayload', 'The assessment, started.');
const UpdateProgressPayload = payload('UpdateProgressPayload', 'The assessment with its new progress.');
const CompleteAssessmentPayload = payload('CompleteAssessmentPayload', 'The assessment, completed.');
const FailAssessmentPayload = payload('FailAssessmentPayload', 'The assessment, failed, or PENDING again with a time to wait.');
const CancelAssessmentPayload = payload('CancelAssessmentPayload', 'The assessment, cancelled.');
const RetryAssessmentPayload = payload('RetryAssessmentPayload', 'The assessment, PENDING again.');

const changeErrors = [InvalidInputError, NotFoundError, InvalidTransitionError, VersionConflictError];
const workErrors = [...changeErrors, ClaimLostError];
const outcome = 'What the command did, or why it was refused.';
const result = (name: string) => ({ name, description: outcome });

// Unions with names of their own, since batches give lists of them. What is no error is the payload.
export const CreateAssessmentResult = builder.errorUnion('CreateAssessmentResult', {
  description: outcome,
  types: [CreateAssessmentPayload, InvalidInputError, AlreadyExistsError],
  resolveType: () => 'CreateAssessmentPayload',
});
export const UpdateProgressResult = builder.errorUnion('UpdateProgressResult', {
  description: outcome,
  types: [UpdateProgressPayload, ...workErrors],
  resolveType: () => 'UpdateProgressPayload',
});
export const CompleteAssessmentResult = builder.errorUnion('CompleteAssessmentResult', {
  description: outcome,
  types: [CompleteAssessmentPayload, ...workErrors],
  resolveType: () => 'CompleteAssessmentPayload',
});

builder.mutationType({
  description:
    'The commands of the lifecycle. Each is atomic, is audited, and is answered after its COMMIT; a refusal is a member of the result and changes nothing.',
  fields: (t) => ({
    createAssessment: t.field({
      authScopes: writers,
      type: CreateAssessmentResult,
      description:
        'Creates an assessment, PENDING. Repeating the same request with the same key is harmless: it gives the same assessment.',
      args: { input: t.arg({ type: inputs.CreateAssessmentInput, required: true, description: 'The assessment to create.' }) },
      resolve: resolvers.createAssessment,
    }),
    startProcessing: t.field({
      authScopes: workers,
      type: StartProcessingPayload,
      description: 'PENDING to PROCESSING, without a claim.',
      errors: { types: changeErrors, union: result('StartProcessingResult') },
      args: { input: t.arg({ type: inputs.StartProcessingInput, required: true, description: 'Which assessment.' }) },
      resolve: resolvers.startProcessing,
    }),
    updateProgress: t.field({
      authScopes: workers,
      type: UpdateProgressResult,
      description: 'Reports progress while PROCESSING. The same progress and message again changes nothing.',
      args: { input: t.arg({ type: inputs.UpdateProgressInput, required: true, description: 'Which assessment, and how far it is.' }) },
      resolve: resolvers.updateProgress,
    }),
    completeAssessment: t.field({
      authScopes: workers,
      type: CompleteAssessmentResult,
      description: 'PROCESSING to COMPLETED with the result.',
      args: { input: t.arg({ type: inputs.CompleteAssessmentInput, required: true, description: 'Which assessment, and its result.' }) },
      resolve: resolvers.completeAssessment,
    }),
    failAssessment: t.field({
      authScopes: workers,
      type: FailAssessmentPayload,
      description: 'PROCESSING to FAILED, or back to PENDING when it is retryable and retries are left.',
      errors: { types: workErrors, union: result('FailAssessmentResult') },
      args: { input: t.arg({ type: inputs.FailAssessmentInput, required: true, description: 'Which assessment, and what went wrong.' }) },
      resolve: resolvers.failAssessment,
    }),
    cancelAssessment: t.field({
      authScopes: writers,
      type: CancelAssessmentPayload,
      description: 'PENDING or PROCESSING to CANCELLED, whoever works on it.',
      errors: { types: changeErrors, union: result('CancelAssessmentResult') },
      args: { input: t.arg({ type: inputs.CancelAssessmentInput, required: true, description: 'Which assessment, and why.' }) },
      resolve: resolvers.cancelAssessment,
    }),
    retryAssessment: t.field({
      authScopes: writers,
      type: RetryAssessmentPayload,
      description: 'FAILED to PENDING: a new round, at once.',
      errors: { types: changeErrors, union: result('RetryAssessmentResult') },
      args: { input: t.arg({ type: inputs.RetryAssessmentInput, required: true, description: 'Which assessment, and why.' }) },
      resolve: resolvers.retryAssessment,
    }),
  }),
});
