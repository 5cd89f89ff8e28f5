import { parseJson } from '../store/json.ts';
import type { AnswerError } from './api-error.ts';
import { ApiError, badAnswer, errorOf, isPassingStatus, isTurnedAway, isUnauthenticated, unavailable, unreachable } from './api-error.ts';
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
  async ask<Data>({ document, variables, timeoutMs, signal }: Call): Promise<Data> {
    signal.throwIfAborted();
    const { url } = this.#options;
    let isSent = false;
    // Not AbortSignal.any: one signal may serve thousands of calls, and must not collect them.
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(() => controller.abort(tooLate(url, timeoutMs, isSent)), timeoutMs);
    try {
      const body = JSON.stringify({ query: document, variables });
      return await this.#withToken(controller.signal, async (token) => {
        isSent = true;
        return dataOf<Data>(await this.#post(body, token, controller.signal), { url, asked: variables });
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Once more with another token where the service does not accept the first. */
  async #withToken<Data>(signal: AbortSignal, send: (token: string | undefined) => Promise<Data>): Promise<Data> {
    const { tokens } = this.#options;
    const token = await unlessAborted(tokens.current(), signal);
    try {
      return await send(token);
    } catch (error) {
      const other = isUnauthenticated(error) ? await unlessAborted(tokens.insteadOf(token), signal) : undefined;
      if (other === undefined) throw error;
      return send(other);
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
    if (!isAnswer(answer)) throw notData(url, response, answer);
    if (response.status === 401) throw notKnown(url, answer);
    return answer;
  }
}

const tooLate = (url: string, timeoutMs: number, isSent: boolean): Error =>
  isSent
    ? unavailable('TIMEOUT', `the service at ${url} did not answer within ${timeoutMs} ms`)
    : unavailable('TIMEOUT', `no token for ${url} could be had within ${timeoutMs} ms`, { untouched: true });

/** What comes of the promise, unless the signal is aborted before. @throws the signal's reason */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

const isAnswer = (answer: unknown): answer is object =>
  typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer);

/** What stands before a service that is away answers in its place; the service itself does, while it starts and stops. */
function notData(url: string, { status, headers }: Response, answer: unknown): Error {
  const phase: unknown = Object(answer).status;
  const isPhase = status === 503 && (phase === 'starting' || phase === 'stopping');
  const message = isPhase ? `the service at ${url} is ${phase}` : `the answer of ${url} is no GraphQL answer; its status is ${status}`;
  if (isPassingStatus(status)) {
    const seconds = Number(headers.get('retry-after') ?? Number.NaN);
    const untouched = isPhase || isTurnedAway(status);
    return unavailable('OVERLOADED', message, { untouched, retryAfterMs: seconds >= 0 ? seconds * 1_000 : undefined });
  }
  return new ApiError(codes[status] ?? `HTTP_${status}`, message);
}

/** The token is not accepted; the service says why, where it is the service that answers. */
function notKnown(url: string, answer: object): ApiError {
  const said: unknown = Object(Object(Object(answer).errors)[0]).message;
  return new ApiError('UNAUTHENTICATED', typeof said === 'string' ? said : `the service at ${url} does not accept the token`);
}

const codes: Record<number, string> = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 413: 'REQUEST_ENTITY_TOO_LARGE' };

/** The data of an answer. @throws the error that stands in its place */
export function dataOf<Data>(answer: unknown, { url, asked }: { url: string; asked: Record<string, unknown> }): Data {
  const { data, errors } = Object(answer) as { data?: unknown; errors?: unknown };
  if (Array.isArray(errors) && errors.length > 0) throw errorOf(errors as AnswerError[], asked);
  if (typeof data !== 'object' || data === null) throw badAnswer(url, 'has no data');
  return data as Data;
}
