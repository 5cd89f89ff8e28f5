import { GraphQLError } from 'graphql';

/** The part of a request that says which document is meant. */
export interface DocumentRequest {
  query?: unknown;
  /** As GraphQL over HTTP names it. */
  documentId?: unknown;
  /** With `persistedQuery.sha256Hash`, as Apollo and urql send it. */
  extensions?: unknown;
}

/** Documents that are known by their ids, and whether no others are taken. */
export class TrustedDocuments {
  readonly #byId: ReadonlyMap<string, string>;
  readonly #only: boolean;

  constructor(byId: ReadonlyMap<string, string>, only: boolean) {
    this.#byId = byId;
    this.#only = only;
  }

  /**
   * The text of the document that a request means; undefined where it names none at all.
   * @throws GraphQLError: PERSISTED_QUERY_NOT_FOUND for an id that is not known, PERSISTED_QUERY_ONLY for free text where none is taken
   */
  textOf({ query, documentId, extensions }: DocumentRequest): string | undefined {
    const text = typeof query === 'string' && query !== '' ? query : undefined;
    const id = documentId ?? hashIn(extensions);
    if (id === undefined || id === null) {
      if (this.#only && text !== undefined)
        throw refused({
          code: 'PERSISTED_QUERY_ONLY',
          message: 'Only documents that are known here are taken: send the id of one as documentId.',
        });
      return text;
    }
    const known = typeof id === 'string' ? this.#byId.get(id) : undefined;
    if (known === undefined) throw refused({ code: 'PERSISTED_QUERY_NOT_FOUND', message: 'There is no document with this id.' });
    if (text !== undefined && text !== known)
      throw refused({ code: 'BAD_REQUEST', message: 'The document is not the one that its id stands for: send either.' });
    return known;
  }
}

function hashIn(extensions: unknown): unknown {
  const { persistedQuery } = Object(extensions) as { persistedQuery?: unknown };
  return (Object(persistedQuery) as { sha256Hash?: unknown }).sha256Hash;
}

const refused = ({ code, message }: { code: string; message: string }): GraphQLError =>
  new GraphQLError(message, { extensions: { code, http: { status: 400, spec: true } } });
