import {
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLSchema,
  Kind,
  TypeInfo,
  type VariableNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { configure } from 'safe-stable-stringify';
import { type Context, rightsOf } from '../context.ts';

/**
 * Names what the answer to an update depends on beside the document and the update itself: the operation, variables, rights. Subscriptions
 * of one document with the same key are answered alike.
 *
 * The arguments of the subscription's own field say which updates come, not how they are shown: variables that stand only there are left
 * out. Or clients that come back would never share again, each with the cursor that it had reached.
 */
export function sharingKey({ schema, document, operationName, variableValues, contextValue }: ExecutionArgs): string {
  const shown = Object.entries(variableValues ?? {}).filter(([name]) => variablesShown(schema, document).has(name));
  return canonical([operationName ?? null, Object.fromEntries(shown), rightsOf((contextValue as Context).actor)]);
}

const canonical = configure({ deterministic: true });

const known = new WeakMap<DocumentNode, ReadonlySet<string>>();

/** The variables of a document that stand elsewhere than in the arguments of a subscription's own field. */
function variablesShown(schema: GraphQLSchema, document: DocumentNode): ReadonlySet<string> {
  const names = known.get(document) ?? findVariables(schema, document);
  known.set(document, names);
  return names;
}

function findVariables(schema: GraphQLSchema, document: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>();
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      [Kind.VARIABLE_DEFINITION]: () => false,
      [Kind.FIELD]: (field) => (types.getParentType() === schema.getSubscriptionType() ? { ...field, arguments: [] } : undefined),
      [Kind.VARIABLE]: ({ name }: VariableNode) => void names.add(name.value),
    }),
  );
  return names;
}
