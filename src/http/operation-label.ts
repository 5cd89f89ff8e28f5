import { type DocumentNode, getOperationAST, Kind, type SelectionSetNode } from 'graphql';
import type { OperationLabel } from './telemetry.ts';

const unknown: OperationLabel = { kind: 'unknown', field: 'none' };
const known = new WeakMap<DocumentNode, Map<string, OperationLabel>>();

/** The label of an operation in a valid document; documents that are used again are looked at once. */
export function operationLabel(document: DocumentNode, operationName: string | null | undefined): OperationLabel {
  const labels = known.get(document) ?? new Map<string, OperationLabel>();
  known.set(document, labels);
  const name = operationName ?? '';
  const label = labels.get(name) ?? find(document, operationName);
  // Only names that the document has: the client could send others without end.
  if (label !== unknown) labels.set(name, label);
  return label;
}

function find(document: DocumentNode, operationName: string | null | undefined): OperationLabel {
  const operation = getOperationAST(document, operationName);
  if (!operation) return unknown;
  const fields = rootFields(document, operation.selectionSet, new Set());
  const [field = 'none'] = fields;
  return { kind: operation.operation, field: fields.size > 1 ? 'several' : field };
}

function rootFields(document: DocumentNode, { selections }: SelectionSetNode, found: Set<string>): Set<string> {
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) found.add(selection.name.value);
    else if (selection.kind === Kind.INLINE_FRAGMENT) rootFields(document, selection.selectionSet, found);
    else {
      const fragment = document.definitions.find(
        (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
      );
      if (fragment?.kind === Kind.FRAGMENT_DEFINITION) rootFields(document, fragment.selectionSet, found);
    }
  }
  return found;
}
