import * as resolvers from '../resolvers/subscriptions.ts';
import type { AssessmentUpdate as Update } from '../store/index.ts';
import { readers } from './access.ts';
import { AssessmentNode } from './assessment.ts';
import { builder } from './builder.ts';
import { AssessmentState, AssessmentUpdateKind } from './enums.ts';
import { AssessmentFilter } from './inputs.ts';

const AssessmentUpdate = builder.objectRef<Update>('AssessmentUpdate').implement({
  authScopes: readers,
  description: 'One change of an assessment, with the assessment as it was after it.',
  fields: (t) => ({
    kind: t.expose('kind', { type: AssessmentUpdateKind, description: 'What the change was.' }),
    previousState: t.expose('previousState', {
      type: AssessmentState,
      nullable: true,
      description: 'The state before; null for CREATED and SNAPSHOT.',
    }),
    assessment: t.expose('assessment', { type: AssessmentNode, description: 'The assessment after the change.' }),
    cursor: t.string({
      description: 'Names this update; opaque. In a feed: where another one goes on, just after this update.',
      resolve: resolvers.updateCursor,
    }),
  }),
});

// The answer to an update is shared by all who select the same with the same rights, whatever the arguments of their subscriptions: what resolves
// these fields must not look at the arguments.
builder.subscriptionType({
  description: 'Changes as they happen, over graphql-transport-ws on the same path, or as server-sent events.',
  fields: (t) => ({
    assessmentUpdated: t.field({
      authScopes: readers,
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
    assessmentFeed: t.field({
      authScopes: readers,
      type: AssessmentUpdate,
      description:
        'Many assessments, for dashboards: every change that matches `where`, in commit order, each exactly once, with the assessment as it was at that version. ' +
        'With `after`, what was missed is replayed from the audit trail, then it goes on live, without gap, duplicate or reordering within an assessment; ' +
        'without it the feed begins now. An assessment that stops matching is told of once more, with its last update. ' +
        'A slow client gets everything, late: the service replays at the speed of its reading. It never completes by itself. ' +
        'A cursor that can no longer be followed, since the changes after it have been deleted, is refused with extensions.code CURSOR_EXPIRED: read the list anew, and open a feed from `feedCursor`.',
      args: {
        where: t.arg({
          type: AssessmentFilter,
          description: 'Which assessments, by how they are after a change or were before it. Default: all.',
        }),
        after: t.arg.string({
          description:
            'The `cursor` of the last update that the client has seen, or `feedCursor`; "0" for all that the audit trail holds. Default: from now on.',
        }),
      },
      subscribe: resolvers.assessmentFeed,
      resolve: (update: Update) => update,
    }),
  }),
});
