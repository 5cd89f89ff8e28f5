import {
  AlreadyExistsError,
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  type RefusalError,
  VersionConflictError,
} from '../store/index.ts';
import { participants } from './access.ts';
import { AssessmentNode } from './assessment.ts';
import { builder } from './builder.ts';
import { AssessmentState, ErrorCode } from './enums.ts';

const ErrorInterface = builder.interfaceRef<RefusalError>('Error').implement({
  description: 'A refusal that the caller can understand and act on. Nothing was changed.',
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCode, description: 'Which kind of refusal it is.' }),
    message: t.exposeString('message', { description: 'What was wrong, and what would be right; for people.' }),
  }),
});

const InvalidField = builder.objectRef<InvalidInputError['fields'][number]>('InvalidField').implement({
  authScopes: participants,
  description: 'One field of the input that is not as it must be.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'Where in the input, the outermost name first; empty when no single field is to blame.',
    }),
    message: t.exposeString('message', { description: 'What is wrong with it, and what would be right.' }),
  }),
});

builder.objectType(InvalidInputError, {
  authScopes: participants,
  name: 'InvalidInputError',
  description: 'The input is wrong, whatever the state of the assessment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ fields: t.expose('fields', { type: [InvalidField], description: 'Every field that is wrong.' }) }),
});

builder.objectType(NotFoundError, {
  authScopes: participants,
  name: 'NotFoundError',
  description: 'There is no such assessment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ assessmentId: t.exposeString('assessmentId', { description: 'The key that was asked for.' }) }),
});

builder.objectType(AlreadyExistsError, {
  authScopes: participants,
  name: 'AlreadyExistsError',
  description: 'The key is taken by an assessment that was created with another request.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment that holds the key.' }) }),
});

builder.objectType(InvalidTransitionError, {
  authScopes: participants,
  name: 'InvalidTransitionError',
  description: 'The lifecycle does not lead from the state it has to the one asked for.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    from: t.expose('from', { type: AssessmentState, description: 'The state that it has.' }),
    to: t.expose('to', { type: AssessmentState, description: 'The state that was asked for.' }),
    allowed: t.field({
      type: [AssessmentState],
      description: 'The states that it can go to from here.',
      resolve: ({ allowed }) => allowed,
    }),
    assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment as it is.' }),
  }),
});

builder.objectType(VersionConflictError, {
  authScopes: participants,
  name: 'VersionConflictError',
  description: 'The assessment has changed since the version that was expected.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    expectedVersion: t.exposeInt('expectedVersion', { description: 'The version that was expected.' }),
    assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment as it is.' }),
  }),
});

builder.objectType(ClaimLostError, {
  authScopes: participants,
  name: 'ClaimLostError',
  description: 'The claim token is missing, stale, or not the one that the assessment is held with.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment as it is.' }) }),
});
