import { type DocumentNode, GraphQLError, type GraphQLErrorOptions, parse } from 'graphql';
import { type ShapeLimits, shapeExcess, shapeMessage } from './document-shape.ts';

/** Most characters of a document; large values belong in variables. */
const maxCharacters = 4 * 1024 * 1024;
/** How deep braces, brackets and parentheses may be nested in a document; graphql-js recurses, and would run out of stack. */
const maxNesting = 200;

export interface DocumentLimits extends ShapeLimits {
  /** Most tokens of a document. */
  tokens: number;
}

/**
 * Parses a document within limits.
 * @throws GraphQLError for a syntax error (GRAPHQL_PARSE_FAILED), or for a document that is too large, nested too deeply, or asks for too much
 * at once (GRAPHQL_VALIDATION_FAILED)
 */
export function parseWithinLimits(text: string, limits: DocumentLimits): DocumentNode {
  if (text.length > maxCharacters)
    throw unreadable(`The document is longer than ${maxCharacters} characters. Send large values as variables.`);
  if (nestingOf(text) > maxNesting) throw unreadable(`The document is nested deeper than ${maxNesting} levels.`);
  const document = parsed(text, limits.tokens);
  const excess = shapeExcess(document, limits);
  if (excess !== undefined) {
    const { limit } = excess;
    throw refused(shapeMessage(excess), { code: 'GRAPHQL_VALIDATION_FAILED', limit });
  }
  return document;
}

function parsed(text: string, maxTokens: number): DocumentNode {
  try {
    return parse(text, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const { message, source = null, positions = null } = error;
    throw refused(message, { code: 'GRAPHQL_PARSE_FAILED' }, { source, positions });
  }
}

const unreadable = (message: string): GraphQLError => refused(message, { code: 'GRAPHQL_PARSE_FAILED' });

const refused = (message: string, extensions: { code: string; limit?: string }, place: GraphQLErrorOptions = {}): GraphQLError =>
  new GraphQLError(message, { ...place, extensions: { ...extensions, http: { status: 400, spec: true } } });

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
