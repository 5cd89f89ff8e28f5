import {
  type DocumentNode,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isInputType,
  isListType,
  Kind,
  typeFromAST,
} from 'graphql';

/** How deep input objects and lists may be nested in the variables; the executor recurses, and would run out of stack. */
const maxNesting = 200;

/**
 * Refuses variables whose input objects or lists are nested too deeply. What is inside a scalar, such as JSONObject, is left to whoever takes it.
 * @throws GraphQLError (BAD_USER_INPUT) naming the variable.
 */
export function checkInputNesting(schema: GraphQLSchema, document: DocumentNode, variables: Readonly<Record<string, unknown>>): void {
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    for (const { variable, type } of definition.variableDefinitions ?? []) {
      const inputType = typeFromAST(schema, type);
      if (isInputType(inputType) && isRecursive(inputType) && isTooDeep(variables[variable.name.value], inputType)) {
        throw new GraphQLError(`Variable "$${variable.name.value}" is nested deeper than ${maxNesting} levels.`, {
          nodes: variable,
          extensions: { code: 'BAD_USER_INPUT', http: { status: 400, spec: true } },
        });
      }
    }
  }
}

const known = new WeakMap<GraphQLInputType, boolean>();

/** Whether values of the type can be nested without end; those of most types are only as deep as the type. */
function isRecursive(type: GraphQLInputType): boolean {
  // By its name: a type with `!` or `[]` around it is a new object every time.
  const named = getNamedType(type);
  const answer = known.get(named) ?? leadsInto(named, new Set());
  known.set(named, answer);
  return answer;
}

function leadsInto(type: GraphQLInputType, outer: ReadonlySet<GraphQLInputType>): boolean {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return false;
  if (outer.has(named)) return true;
  return Object.values(named.getFields()).some((field) => leadsInto(field.type, new Set([...outer, named])));
}

/** Without recursion, level by level. */
function isTooDeep(value: unknown, type: GraphQLInputType): boolean {
  let level: [unknown, GraphQLInputType][] = [[value, type]];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxNesting) return true;
    level = level.flatMap(([outer, outerType]) => inside(outer, getNullableType(outerType)));
  }
  return false;
}

function inside(value: unknown, type: GraphQLInputType): [unknown, GraphQLInputType][] {
  if (typeof value !== 'object' || value === null) return [];
  if (isListType(type)) return Array.isArray(value) ? value.map((item: unknown) => [item, type.ofType]) : [[value, type.ofType]];
  if (!isInputObjectType(type)) return [];
  const fields = type.getFields();
  return Object.entries(value).flatMap(([name, item]: [string, unknown]) => {
    const field = fields[name];
    return field === undefined ? [] : [[item, field.type]];
  });
}
