import { type DocumentNode, GraphQLError, type ParseOptions, parse, type Source } from 'graphql';

/** Most tokens of a document. */
const maxTokens = 20_000;
/** How deep braces, brackets and parentheses may be nested in a document; graphql-js recurses, and would run out of stack. */
const maxNesting = 200;

/**
 * Parses a document within limits.
 * @throws GraphQLError for a syntax error, or for a document that is too large or nested too deeply.
 */
export function parseWithinLimits(source: string | Source, options?: ParseOptions): DocumentNode {
  if (nestingOf(typeof source === 'string' ? source : source.body) > maxNesting) {
    throw new GraphQLError(`The document is nested deeper than ${maxNesting} levels.`, {
      extensions: { code: 'GRAPHQL_PARSE_FAILED', http: { status: 400, spec: true } },
    });
  }
  return parse(source, { ...options, maxTokens });
}

/** The deepest nesting of brackets outside of strings and comments. */
function nestingOf(document: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of document.matchAll(/"""(?:\\"""|[\s\S])*?"""|"(?:\\.|[^"\\\n])*"|#.*|[{[(]|[)\]}]/g)) {
    if (token === '{' || token === '[' || token === '(') deepest = Math.max(deepest, ++depth);
    else if (token === '}' || token === ']' || token === ')') depth--;
  }
  return deepest;
}
