import { UnavailableError } from '../store/errors.ts';
import { circumstancesOf, readAnswer } from './api-error.ts';
import { askedForMs, type BackoffOptions, backoffMs, pause } from './backoff.ts';
import { encodeVariables } from './encode.ts';
import type { HttpTransport } from './http-transport.ts';
import { knownVariables } from './known-fields.ts';

/**
 * When a call is sent again: also where it may have been carried out, which is for those that may be done twice; only where it certainly
 * was not (the connection was refused, the service had no place for it); or never.
 */
export type Repeat = 'ALWAYS' | 'IF_UNTOUCHED' | 'NEVER';

export interface CallOptions<Sent, Result> {
  document: string;
  variables: Record<string, unknown>;
  /** What the caller is given. @throws the refusal that was sent in its place */
  decode: (sent: Sent) => Result;
  repeat: Repeat;
  /** How long it may take with all repeats, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Told of every try that may have been carried out although its answer was lost. */
  onLost?: (error: UnavailableError) => void;
}

/** Calls of the API, each until it is answered, for as long as it may take. */
export class Calls {
  readonly #http: HttpTransport;
  readonly #backoff: BackoffOptions;
  readonly #url: string;

  constructor(http: HttpTransport, options: BackoffOptions & { url: string }) {
    this.#http = http;
    this.#backoff = options;
    this.#url = options.url;
  }

  /** @throws what the decoding throws; InvalidInputError, UnavailableError, ApiError; the signal's reason */
  async do<Sent, Result>(call: CallOptions<Sent, Result>): Promise<Result> {
    return this.send({ ...call, variables: encodeVariables(knownVariables(call.document, call.variables)) });
  }

  /** The same with variables that JSON can carry as they are. */
  async send<Sent, Result>(call: CallOptions<Sent, Result>): Promise<Result> {
    const sent = await this.#answered(call);
    return readAnswer(this.#url, () => call.decode(sent));
  }

  async #answered<Sent>({ document, variables, repeat, timeoutMs, signal, onLost }: CallOptions<Sent, unknown>): Promise<Sent> {
    const deadline = performance.now() + timeoutMs;
    // So that there is time for another try where the network loses what it carries.
    const tryMs = repeat === 'ALWAYS' ? Math.ceil(timeoutMs / 2) : timeoutMs;
    for (let failures = 0; ; failures++) {
      try {
        const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
        const answer = await this.#http.ask<{ answer: Sent }>({
          ...{ document, variables, signal },
          timeoutMs: Math.min(tryMs, leftMs),
        });
        return answer.answer;
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        const { untouched, retryAfterMs } = circumstancesOf(error);
        if (!untouched) onLost?.(error);
        const waitMs = retryAfterMs === undefined ? backoffMs(this.#backoff, failures) : askedForMs(retryAfterMs);
        const mayRepeat = repeat === 'ALWAYS' || (repeat === 'IF_UNTOUCHED' && untouched);
        if (!mayRepeat || performance.now() + waitMs >= deadline) throw error;
        await pause(waitMs, signal);
      }
    }
  }
}
