import { parseJson } from '../store/json.ts';
import type { AnswerError } from './api-error.ts';
import { ApiError, badAnswer, errorOf, isUnauthenticated, unavailable, unreachable } from './api-error.ts';
import { readText } from './read-text.ts';
import type { Tokens } from './tokens.ts';

export interface HttpTransportOptions {
  /** Where the GraphQL API is. */
  url: string;
  tokens: Tokens;
  /** Largest answer that is read, in bytes. */
  maxAnswerBytes: number;
}

export interface Call {
  document: string;
  variables: Record<string, unknown>;
  /** How long to wait for the answer, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** Queries and mutations over HTTP, each sent once; and once more when the token is not accepted and another can be had. */
export class HttpTransport {
  readonly #options: HttpTransportOptions;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  /**
   * Sends an operation, and gives the data of its answer.
   * @throws UnavailableError, InvalidInputError, NotFoundError, ApiError; the signal's reason when it is aborted; what the token's callback throws.
   */
  async ask<Data>(call: Call): Promise<Data> {
    const { tokens } = this.#options;
    const token = await tokens.current();
    try {
      return await this.#send<Data>(call, token);
    } catch (error) {
      const other = isUnauthenticated(error) ? await tokens.insteadOf(token) : undefined;
      if (other === undefined) throw error;
      return this.#send<Data>(call, other);
    }
  }

  async #send<Data>({ document, variables, timeoutMs, signal }: Call, token: string | undefined): Promise<Data> {
    signal.throwIfAborted();
    const { url } = this.#options;
    // Not AbortSignal.any: one signal may serve thousands of calls, and must not collect them.
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(() => controller.abort(unavailable('TIMEOUT', tooLate(url, timeoutMs))), timeoutMs);
    try {
      const body = JSON.stringify({ query: document, variables });
      return dataOf<Data>(await this.#post(body, token, controller.signal), { url, asked: variables });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  async #post(body: string, token: string | undefined, signal: AbortSignal): Promise<unknown> {
    const { url, maxAnswerBytes } = this.#options;
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    let response: Response;
    let text: string | undefined;
    try {
      response = await fetch(url, { method: 'POST', headers, body, signal });
      text = await readText(response, maxAnswerBytes);
    } catch (error) {
      throw signal.aborted ? signal.reason : unreachable(url, error);
    }
    if (text === undefined) throw badAnswer(url, `is larger than ${maxAnswerBytes} bytes`);
    const answer = parseJson(text);
    if (!isAnswer(answer) || response.status === 401) throw notData(url, response, answer);
    return answer;
  }
}

const tooLate = (url: string, timeoutMs: number): string => `the service at ${url} did not answer within ${timeoutMs} ms`;

const isAnswer = (answer: unknown): answer is object =>
  typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer);

/** What stands before a service that is away answers in its place; the service itself does, while it starts and stops. */
function notData(url: string, { status, headers }: Response, answer: unknown): Error {
  const phase: unknown = Object(answer).status;
  const isPhase = status === 503 && (phase === 'starting' || phase === 'stopping');
  const message = isPhase ? `the service at ${url} is ${phase}` : `the answer of ${url} is no GraphQL answer; its status is ${status}`;
  if (status >= 500 || status === 429) {
    const seconds = Number(headers.get('retry-after') ?? Number.NaN);
    return unavailable('OVERLOADED', message, { untouched: isPhase, retryAfterMs: seconds >= 0 ? seconds * 1_000 : undefined });
  }
  if (status === 401) return new ApiError('UNAUTHENTICATED', message);
  return new ApiError(status === 413 ? 'REQUEST_ENTITY_TOO_LARGE' : `HTTP_${status}`, message);
}

/** The data of an answer. @throws the error that stands in its place */
export function dataOf<Data>(answer: unknown, { url, asked }: { url: string; asked: Record<string, unknown> }): Data {
  const { data, errors } = Object(answer) as { data?: unknown; errors?: unknown };
  const [error] = Array.isArray(errors) ? (errors as AnswerError[]) : [];
  if (error !== undefined) throw errorOf(error, asked);
  if (typeof data !== 'object' || data === null) throw badAnswer(url, 'has no data');
  return data as Data;
}
