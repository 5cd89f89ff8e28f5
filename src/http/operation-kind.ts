import { type FragmentDefinitionNode, getOperationAST, Kind, type OperationDefinitionNode, parse, type SelectionSetNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { OperationRequest } from './document-gate.ts';
import type { TrustedDocuments } from './trusted-documents.ts';

/**
 * What operations are worth when there is too much to do, the most urgent first: a worker's reports, since work that was done would be done again;
 * claims; what clients submit; reads of one; those who begin to watch or wait; lists, searches and counts.
 */
export const operationKinds = ['report', 'claim', 'submission', 'read', 'watch', 'list'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** The kind of every root field; a test holds this against the schema. */
export const kindOfField: Readonly<Record<string, OperationKind>> = {
  ...{ startProcessing: 'report', updateProgress: 'report', completeAssessment: 'report', failAssessment: 'report' },
  ...{ heartbeat: 'report', releaseAssessments: 'report', batchUpdateProgress: 'report', batchCompleteAssessments: 'report' },
  claimAssessments: 'claim',
  ...{
    createAssessment: 'submission',
    cancelAssessment: 'submission',
    retryAssessment: 'submission',
    batchCreateAssessments: 'submission',
  },
  ...{ batchCancelAssessments: 'submission', batchRetryFailedAssessments: 'submission' },
  ...{ assessment: 'read', node: 'read', nodes: 'read', feedCursor: 'read', health: 'read', __typename: 'read' },
  ...{ waitForAssessment: 'watch', assessmentUpdated: 'watch', assessmentFeed: 'watch' },
  ...{ assessments: 'list', assessmentStats: 'list', queueStatus: 'list', cleanupOldAssessments: 'list', __schema: 'list', __type: 'list' },
};

const leastUrgent = 'list';
/** A longer document is not looked into: that would cost more than to refuse it. */
const longestDocument = 8_192;
const known = new LRUCache<string, OperationKind>({ max: 1_000 });

/** The kind of an operation: that of its least urgent root field; also the least urgent where it can't be told. */
export function kindOfOperation(document: unknown, operationName: unknown): OperationKind {
  if (typeof document !== 'string' || document.length > longestDocument) return leastUrgent;
  const key = typeof operationName === 'string' ? `${operationName}\n${document}` : document;
  const before = known.get(key);
  if (before !== undefined) return before;
  const kind = look(document, typeof operationName === 'string' ? operationName : undefined);
  known.set(key, kind);
  return kind;
}

/** The kind of what a request asks for, by its text or the name of a trusted document. */
export function kindOfRequest(trusted: TrustedDocuments, request: OperationRequest): OperationKind {
  try {
    return kindOfOperation(trusted.textOf(request), request.operationName);
  } catch {
    return leastUrgent; // the gate says why it is refused
  }
}

function look(text: string, operationName: string | undefined): OperationKind {
  try {
    const document = parse(text, { noLocation: true, maxTokens: longestDocument });
    const operation = getOperationAST(document, operationName);
    const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
    return operation ? leastUrgentOf(operation, fragments) : leastUrgent;
  } catch {
    return leastUrgent; // what is wrong with it, the pipeline says
  }
}

function leastUrgentOf(operation: OperationDefinitionNode, fragments: readonly FragmentDefinitionNode[]): OperationKind {
  let rank = 0;
  const seen = new Set<string>();
  const visit = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) rank = Math.max(rank, operationKinds.indexOf(kindOfField[selection.name.value] ?? leastUrgent));
      else if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet);
      else if (!seen.has(selection.name.value)) {
        seen.add(selection.name.value);
        const fragment = fragments.find(({ name }) => name.value === selection.name.value);
        if (fragment !== undefined) visit(fragment.selectionSet);
      }
    }
  };
  visit(operation.selectionSet);
  return operationKinds[rank] ?? leastUrgent;
}
