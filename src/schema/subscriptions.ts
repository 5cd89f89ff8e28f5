import * as resolvers from '../resolvers/subscriptions.ts';
import type { AssessmentUpdate as Update } from '../store/index.ts';
import { AssessmentNode } from './assessment.ts';
import { builder } from './builder.ts';
import { AssessmentState, AssessmentUpdateKind } from './enums.ts';

const AssessmentUpdate = builder.objectRef<Update>('AssessmentUpdate').implement({
  description: 'One change of an assessment, with the assessment as it was after it.',
  fields: (t) => ({
    kind: t.expose('kind', { type: AssessmentUpdateKind, description: 'What the change was.' }),
    previousState: t.expose('previousState', {
      type: AssessmentState,
      nullable: true,
      description: 'The state before; null for CREATED and SNAPSHOT.',
    }),
    assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment after the change.' }),
    cursor: t.string({ description: 'Names this update; opaque.', resolve: resolvers.updateCursor }),
  }),
});

builder.subscriptionType({
  description: 'Changes as they happen, over graphql-transport-ws on the same path, or as server-sent events.',
  fields: (t) => ({
    assessmentUpdated: t.field({
      type: AssessmentUpdate,
      description:
        'One assessment, for waiting. First the state it has now (SNAPSHOT; left out when `afterVersion` is already that version), then later versions in order. ' +
        'A slow client may skip versions (only the newest pending one is kept), never sees them out of order, and always gets the terminal one, ' +
        'after which the server completes the subscription. An unknown assessment is refused with extensions.code NOT_FOUND.',
      args: {
        assessmentId: t.arg.string({ required: true, description: "The caller's own key." }),
        afterVersion: t.arg.int({
          description: 'The last version that the client has seen: what is not newer is left out. For going on after a lost connection.',
        }),
      },
      subscribe: resolvers.assessmentUpdated,
      resolve: (update: Update) => update,
    }),
  }),
});
