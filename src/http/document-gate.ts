import { type DocumentNode, GraphQLError, getOperationAST } from 'graphql';
import type { Identity } from '../auth/identity.ts';
import { noToken } from '../auth/refusals.ts';
import type { OperationKind, RateExcess, RateLimits } from '../rates/rate-limits.ts';
import type { Actor } from '../store/index.ts';
import type { Documents } from './documents.ts';
import type { DocumentRequest, TrustedDocuments } from './trusted-documents.ts';

export interface DocumentGateOptions {
  documents: Documents;
  trusted: TrustedDocuments;
  rates: RateLimits;
}

/** What somebody asks for, as it came. */
export interface OperationRequest extends DocumentRequest {
  operationName?: unknown;
}

/** What every operation has to pass before anything else is done about it, over HTTP, server-sent events and WebSocket alike. */
export class DocumentGate {
  readonly #options: DocumentGateOptions;

  constructor(options: DocumentGateOptions) {
    this.#options = options;
  }

  /**
   * The text of the document that is to be run; undefined where the request has none, which is refused later.
   * @param identity undefined: nobody who may ask for an operation
   * @throws GraphQLError: UNAUTHENTICATED; for a document that is not taken (see TrustedDocuments), too large or no GraphQL (see Documents);
   * RATE_LIMITED
   */
  admit(request: OperationRequest, identity: Identity | undefined): string | undefined {
    if (identity === undefined) throw noToken();
    const { trusted, documents } = this.#options;
    try {
      const text = trusted.textOf(request);
      this.#count(identity.caller, text === undefined ? 'query' : kindOf(documents.parse(text), request.operationName));
      return text;
    } catch (error) {
      // Whoever sends what is refused costs something too.
      if (!isRateLimited(error)) this.#count(identity.caller, 'query');
      throw error;
    }
  }

  #count(actor: Actor, kind: OperationKind): void {
    const excess = this.#options.rates.take(actor, kind);
    if (excess !== undefined) throw rateLimited(excess);
  }
}

/** What cannot be told is refused later, and counts as a query. */
const kindOf = (document: DocumentNode, operationName: unknown): OperationKind =>
  getOperationAST(document, typeof operationName === 'string' ? operationName : undefined)?.operation ?? 'query';

const plural: Record<OperationKind, string> = { query: 'queries', mutation: 'mutations', subscription: 'subscriptions' };

function rateLimited({ kind, most, retryAfterMs }: RateExcess): GraphQLError {
  const headers = { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
  return new GraphQLError(`Too many ${plural[kind]} of this subject: ${most} a minute. Try again later.`, {
    extensions: { code: 'RATE_LIMITED', limit: plural[kind], retryAfterMs, http: { status: 429, headers } },
  });
}

const isRateLimited = (error: unknown): boolean => error instanceof GraphQLError && error.extensions['code'] === 'RATE_LIMITED';
