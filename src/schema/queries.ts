import type { AssessmentConnection as ConnectionShape } from '../resolvers/queries.ts';
import * as resolvers from '../resolvers/queries.ts';
import { type Assessment, NotFoundError } from '../store/index.ts';
import { readers } from './access.ts';
import { AssessmentNode } from './assessment.ts';
import { builder } from './builder.ts';
import { AssessmentFilter, AssessmentOrder } from './inputs.ts';
import { pageArgs, pageInfoOf } from './page.ts';

const AssessmentEdge = builder.objectRef<{ node: Assessment; cursor: string }>('AssessmentEdge').implement({
  authScopes: readers,
  description: 'An assessment and its place in a list.',
  fields: (t) => ({
    node: t.expose('node', { type: AssessmentNode, description: 'The assessment.' }),
    cursor: t.exposeString('cursor', { description: 'Its place in the list, for `after` and `before`.' }),
  }),
});

const AssessmentConnection = builder.objectRef<ConnectionShape>('AssessmentConnection').implement({
  authScopes: readers,
  description: 'One page of a list of assessments.',
  fields: (t) => ({
    edges: t.field({ type: [AssessmentEdge], description: 'The assessments with their cursors.', resolve: ({ items }) => items }),
    nodes: t.field({
      type: [AssessmentNode],
      description: 'The assessments.',
      resolve: ({ items }) => items.map(({ node }) => node),
    }),
    pageInfo: t.field({ type: builder.pageInfoRef(), description: 'Where this page stands in the list.', resolve: pageInfoOf }),
    totalCount: t.int({
      description: 'How many match in all; counted only when it is selected.',
      resolve: ({ totalCount }) => totalCount(),
    }),
  }),
});

const WaitForAssessmentPayload = builder.objectRef<{ assessment: Assessment; timedOut: boolean }>('WaitForAssessmentPayload').implement({
  authScopes: readers,
  description: 'How a wait ended.',
  fields: (t) => ({
    assessment: t.expose('assessment', {
      type: AssessmentNode,
      description: 'The assessment: terminal, or as it was when the time was up.',
    }),
    timedOut: t.exposeBoolean('timedOut', { description: 'Whether the time was up before it was terminal; wait again to go on.' }),
  }),
});

builder.queryType({
  description: 'Reading. An argument that is wrong is a top-level error with extensions.code BAD_USER_INPUT that names it.',
  fields: (t) => ({
    node: t.field({
      authScopes: readers,
      type: builder.nodeInterfaceRef(),
      nullable: true,
      description: 'The object with this global ID; null when there is none.',
      args: { id: t.arg.id({ required: true, description: 'A global ID, as a field `id` gave it.' }) },
      resolve: resolvers.node,
    }),
    nodes: t.field({
      authScopes: readers,
      type: [builder.nodeInterfaceRef()],
      nullable: { list: false, items: true },
      description: 'The objects with these global IDs, in their order; null where there is none.',
      args: { ids: t.arg.idList({ required: true, description: 'At most 100 global IDs, as fields `id` gave them.' }) },
      resolve: resolvers.nodes,
    }),
    assessment: t.field({
      authScopes: readers,
      type: AssessmentNode,
      nullable: true,
      description: 'The assessment with this key, as it is now; null when there is none.',
      args: { assessmentId: t.arg.string({ required: true, description: "The caller's own key." }) },
      resolve: resolvers.assessment,
    }),
    assessments: t.field({
      authScopes: readers,
      type: AssessmentConnection,
      description: 'Assessments that match, page by page; the newest first unless `orderBy` says otherwise.',
      args: {
        where: t.arg({ type: AssessmentFilter, description: 'Which assessments. Default: all.' }),
        search: t.arg.string({
          description: 'Words that occur in server name, message, error or request; "a phrase" in quotes, -word for its absence.',
        }),
        orderBy: t.arg({ type: AssessmentOrder, description: 'In which order. Default: CREATED_AT DESC.' }),
        ...pageArgs(t),
      },
      resolve: resolvers.assessments,
    }),
    feedCursor: t.string({
      authScopes: readers,
      description:
        'The cursor of a feed that begins now. Taken before a list is read, an `assessmentFeed` after it brings every change that the list does not show.',
      resolve: resolvers.feedCursor,
    }),
    waitForAssessment: t.field({
      authScopes: readers,
      type: WaitForAssessmentPayload,
      description: 'Answers as soon as the assessment is terminal, or with `timedOut: true` and the state it has by then.',
      errors: {
        types: [NotFoundError],
        union: { name: 'WaitForAssessmentResult', description: 'How a wait ended, or that there is nothing to wait for.' },
      },
      args: {
        assessmentId: t.arg.string({ required: true, description: "The caller's own key." }),
        timeoutMs: t.arg.int({ defaultValue: 30_000, description: 'How long to wait at most, in milliseconds: 0 to 600,000.' }),
      },
      resolve: resolvers.waitForAssessment,
    }),
  }),
});
