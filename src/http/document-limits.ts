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
  for (let at = 0; at < document.length; at++) {
    switch (document[at]) {
      case '{':
      case '[':
      case '(':
        deepest = Math.max(deepest, ++depth);
        break;
      case '}':
      case ']':
      case ')':
        depth--;
        break;
      case '#':
        at = endOf(document, '\n', at);
        break;
      case '"':
        at = document.startsWith('"""', at) ? endOfBlockString(document, at + 3) : endOfString(document, at + 1);
        break;
    }
  }
  return deepest;
}

function endOf(document: string, what: string, from: number): number {
  const found = document.indexOf(what, from);
  return found < 0 ? document.length : found;
}

/** Where the string that began before `at` ends: at its quote, or at the end of the line when it has none. */
function endOfString(document: string, at: number): number {
  let end = at;
  while (end < document.length && document[end] !== '"' && document[end] !== '\n') end += document[end] === '\\' ? 2 : 1;
  return end;
}

function endOfBlockString(document: string, at: number): number {
  let end = endOf(document, '"""', at);
  while (document[end - 1] === '\\') end = endOf(document, '"""', end + 3);
  return end + 2;
}
