import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';

/** An operation that knows the types of its data and its variables. */
type Operation<Data, Variables> = DocumentTypeDecoration<Data, Variables> & { toString(): string };

/** A refusal: a member of a mutation's result that says why nothing was changed. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly code: string;

  constructor({ code, message }: { code: string; message: string }) {
    super(message);
    this.code = code;
  }
}

/** Gives the result of a mutation unless it was refused. @throws RefusedError */
export function accepted<Result extends object>(result: Result): Exclude<Result, { code: string }> {
  if ('code' in result && 'message' in result) throw new RefusedError({ code: String(result.code), message: String(result.message) });
  return result as Exclude<Result, { code: string }>;
}

const answerWithinMs = 30_000;

/** A client of the GraphQL API: queries and mutations over HTTP, subscriptions over WebSocket. */
export class Api {
  readonly #url: URL;
  readonly #sockets: Client;

  constructor(url: URL) {
    this.#url = url;
    this.#sockets = createClient({ url: url.href.replace(/^http/, 'ws'), webSocketImpl: WebSocket });
  }

  /** Sends a query or a mutation. @throws Error when the service does not answer it with data. */
  async ask<Data, Variables>(operation: Operation<Data, Variables>, variables: Variables): Promise<Data> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: operation.toString(), variables }),
      signal: AbortSignal.timeout(answerWithinMs),
    }).catch((error: Error) => {
      const { message, code = message }: NodeJS.ErrnoException = error.cause instanceof Error ? error.cause : error;
      throw new Error(`the service at ${this.#url} does not answer (${code})`, { cause: error });
    });
    const type = response.headers.get('content-type') ?? 'nothing';
    if (!type.includes('json')) throw new Error(`there is no GraphQL API at ${this.#url}: the answer is ${response.status} with ${type}`);
    return dataOf((await response.json()) as Answer<Data>);
  }

  /** What a subscription delivers, until the service completes it; goes on by itself after a lost connection. */
  async *follow<Data, Variables extends Record<string, unknown>>(
    operation: Operation<Data, Variables>,
    variables: Variables,
  ): AsyncGenerator<Data, void, void> {
    for await (const answer of this.#sockets.iterate({ query: operation.toString(), variables })) yield dataOf(answer as Answer<Data>);
  }

  /** Ends every subscription. */
  async close(): Promise<void> {
    await this.#sockets.dispose();
  }
}

interface Answer<Data> {
  data?: Data | null;
  errors?: readonly { message: string }[];
}

function dataOf<Data>({ data, errors }: Answer<Data>): Data {
  if (errors || data === undefined || data === null)
    throw new Error(`the service answered with an error: ${errors?.map(({ message }) => message).join('; ') ?? 'there is no data'}`);
  return data;
}
