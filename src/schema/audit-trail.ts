import type { AuditEntry, Connection } from '../store/index.ts';
import { readers } from './access.ts';
import { builder } from './builder.ts';
import { AssessmentState } from './enums.ts';
import { pageInfoOf } from './page.ts';

// Without `select`: entries are read in batches by the store, and the plugin would read each again for what it selects.
const AssessmentAuditEntry = builder.prismaNode('AssessmentAuditEntry', {
  authScopes: readers,
  description: 'One change of one assessment, written by the database in the transaction of the change.',
  id: { field: 'seq' },
  fields: (t) => ({
    assessmentId: t.exposeString('assessmentId', { description: 'The key of the assessment.' }),
    oldState: t.expose('oldState', { type: AssessmentState, nullable: true, description: 'The state before; null for the creation.' }),
    newState: t.expose('newState', { type: AssessmentState, description: 'The state after.' }),
    versionFrom: t.exposeInt('versionFrom', { nullable: true, description: 'The version before; null for the creation.' }),
    versionTo: t.exposeInt('versionTo', { description: 'The version after.' }),
    progress: t.exposeInt('progress', { description: 'The progress after.' }),
    changedBy: t.exposeString('changedBy', {
      description: 'Who made the change: the authenticated subject, or the database role of a direct UPDATE.',
    }),
    reason: t.exposeString('changeReason', { nullable: true, description: 'Why, where a reason was given.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the change was made.' }),
  }),
});

const AssessmentAuditEdge = builder.objectRef<{ node: AuditEntry; cursor: string }>('AssessmentAuditEdge').implement({
  authScopes: readers,
  description: 'An entry of an audit trail and its place there.',
  fields: (t) => ({
    node: t.expose('node', { type: AssessmentAuditEntry, description: 'The entry.' }),
    cursor: t.exposeString('cursor', { description: 'The place of the entry, for `after` and `before`.' }),
  }),
});

export const AssessmentAuditConnection = builder.objectRef<Connection<AuditEntry>>('AssessmentAuditConnection').implement({
  authScopes: readers,
  description: 'One page of an audit trail.',
  fields: (t) => ({
    edges: t.field({ type: [AssessmentAuditEdge], description: 'The entries with their cursors.', resolve: ({ items }) => items }),
    nodes: t.field({ type: [AssessmentAuditEntry], description: 'The entries.', resolve: ({ items }) => items.map(({ node }) => node) }),
    pageInfo: t.field({ type: builder.pageInfoRef(), description: 'Where this page stands in the trail.', resolve: pageInfoOf }),
  }),
});
