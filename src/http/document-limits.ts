import { type DocumentNode, GraphQLError, type ParseOptions, parse, type Source } from 'graphql';

/** Most tokens of a document. */
const maxTokens = 20_000;
/** Most characters of a document; large values belong in variables. */
const maxCharacters = 4 * 1024 * 1024;
/** How deep braces, brackets and parentheses may be nested in a document; graphql-js recurses, and would run out of stack. */
const maxNesting = 200;

/**
 * Parses a document within limits.
 * @throws GraphQLError for a syntax error, or for a document that is too large or nested too deeply.
 */
export function parseWithinLimits(source: string | Source, options?: ParseOptions): DocumentNode {
  const document = typeof source === 'string' ? source : source.body;
  if (document.length > maxCharacters) {
    throw refused(`The document is longer than ${maxCharacters} characters. Send large values as variables.`);
  }
  if (nestingOf(document) > maxNesting) throw refused(`The document is nested deeper than ${maxNesting} levels.`);
  return parse(source, { ...options, maxTokens });
}

const refused = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'GRAPHQL_PARSE_FAILED', http: { status: 400, spec: true } } });

/** The deepest nesting of brackets outside of strings and comments. */
function nestingOf(document: string): number {
  let depth = 0;
  let deepest = 0;
  const next = /["#{}[\]()]/g;
  for (let found = next.exec(document); found !== null; found = next.exec(document)) {
    const [token] = found;
    if (token === '"' || token === '#') next.lastIndex = endOf(document, found.index);
    else if (token === '{' || token === '[' || token === '(') deepest = Math.max(deepest, ++depth);
    else depth--;
  }
  return deepest;
}

/** Where the string or comment that begins at `start` ends. A line ends at a carriage return too, and a string that is not closed with its line. */
function endOf(document: string, start: number): number {
  const isBlock = document.startsWith('"""', start);
  const stop = document[start] === '#' ? /[\n\r]/g : isBlock ? /\\?"""/g : /\\[^\n\r]|["\n\r]/g;
  stop.lastIndex = start + (isBlock ? 3 : 1);
  for (let found = stop.exec(document); found !== null; found = stop.exec(document)) if (!found[0].startsWith('\\')) return stop.lastIndex;
  return document.length;
}
