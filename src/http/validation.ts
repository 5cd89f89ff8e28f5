import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  type ValidationRule,
  validate,
} from 'graphql';

/** So many problems of a document are told at a time. */
const mostProblems = 5;

/** A rule that finds nothing: with it among the rules, problems are told without suggestions. Results are kept by the names of their rules. */
const WithoutSuggestionsRule: ValidationRule = () => ({});

/** For strangers: the schema is not shown, neither when it is asked for nor by suggestions. */
export const discreetRules: readonly ValidationRule[] = [NoSchemaIntrospectionCustomRule, WithoutSuggestionsRule];

/** What is wrong with a document, the first few problems. */
export function findProblems(schema: GraphQLSchema, document: DocumentNode, rules: readonly ValidationRule[]): readonly GraphQLError[] {
  const problems = validate(schema, document, rules, { maxErrors: mostProblems });
  return rules.includes(WithoutSuggestionsRule) ? problems.map(withoutSuggestions) : problems;
}

/** The error without names that were not in the request. */
export function withoutSuggestions(error: GraphQLError): GraphQLError {
  const message = error.message.replace(/\s*Did you mean [\s\S]*$/, '');
  if (message === error.message) return error;
  const { nodes = null, source = null, positions = null, path = null, extensions } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}
