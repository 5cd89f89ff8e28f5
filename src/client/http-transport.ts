import { UnavailableError } from '../store/errors.ts';
import { type AnswerError, ApiError, errorOf, unreachable } from './api-error.ts';

export interface HttpTransportOptions {
  /** Where the GraphQL API is. */
  url: string;
  /** Sent as `authorization: Bearer …`. */
  token?: string | undefined;
}

export interface Call {
  document: string;
  variables: Record<string, unknown>;
  /** How long to wait for the answer, in milliseconds. Default 30,000. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

const answerWithinMs = 30_000;

/** Queries and mutations over HTTP. */
export class HttpTransport {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor({ url, token }: HttpTransportOptions) {
    this.#url = url;
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
  }

  /**
   * Sends an operation, and gives the data of its answer.
   * @throws UnavailableError, InvalidInputError, NotFoundError, ApiError; the signal's reason when it is aborted.
   */
  async ask<Data>({ document, variables, timeoutMs = answerWithinMs, signal }: Call): Promise<Data> {
    signal?.throwIfAborted();
    // Not AbortSignal.any: one signal may serve thousands of calls, and must not collect them.
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(
      () => controller.abort(new UnavailableError('TIMEOUT', `the service at ${this.#url} did not answer within ${timeoutMs} ms`, 1_000)),
      timeoutMs,
    );
    try {
      return dataOf<Data>(await this.#post({ query: document, variables }, controller.signal), variables);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  async #post(body: object, signal: AbortSignal): Promise<Answer> {
    const text = JSON.stringify(body);
    let status = 0;
    let answer: string;
    try {
      const response = await fetch(this.#url, { method: 'POST', headers: this.#headers, body: text, signal });
      status = response.status;
      answer = await response.text();
    } catch (error) {
      throw signal.aborted ? signal.reason : unreachable(this.#url, error);
    }
    return parse(answer) ?? notGraphql(this.#url, status);
  }
}

interface Answer {
  data?: unknown;
  errors?: readonly AnswerError[];
}

function parse(text: string): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer) ? (answer as Answer) : undefined;
  } catch {
    return undefined;
  }
}

/** What stands before a service that is away answers in its place. */
function notGraphql(url: string, status: number): never {
  const message = `the answer of ${url} is no GraphQL answer; its status is ${status}`;
  if (status >= 500 || status === 429) throw new UnavailableError('OVERLOADED', message, 1_000);
  throw new ApiError(status === 413 ? 'REQUEST_ENTITY_TOO_LARGE' : `HTTP_${status}`, message);
}

/** The data of an answer. @throws the error that stands in its place */
export function dataOf<Data>({ data, errors }: Answer, asked: Record<string, unknown>): Data {
  const [error] = errors ?? [];
  if (error !== undefined) throw errorOf(error, asked);
  if (data === null || data === undefined) throw new ApiError('UNKNOWN', 'the answer has no data');
  return data as Data;
}
