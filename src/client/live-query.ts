import { UnavailableError } from '../store/errors.ts';
import { circumstancesOf, errorOf, readAnswer, unavailable } from './api-error.ts';
import { askedForMs, backoffMs, pause } from './backoff.ts';
import { dataOf } from './http-transport.ts';
import type { ClientSettings } from './options.ts';
import type { Subscriber } from './shared-socket.ts';
import type { Sockets } from './sockets.ts';

/** What live queries of a client share. */
export interface LiveQueryContext {
  sockets: Sockets;
  settings: ClientSettings;
}

export interface LiveQueryOptions<Data> extends LiveQueryContext {
  document: string;
  /** The variables as they are now: after a break, those with which it goes on where it was. */
  variables: () => Record<string, unknown>;
  /** @throws TypeError for what is not as it was asked for */
  onData: (data: Data) => void;
  /** The service has completed it; gives whether it has reason to. */
  onComplete: () => boolean;
  /** It can not go on. */
  onError: (error: unknown) => void;
}

/** One subscription, across sockets and instances: whatever breaks it off and may pass, it is begun again where it was. */
export class LiveQuery<Data> {
  readonly #options: LiveQueryOptions<Data>;
  readonly #ended = new AbortController();
  #unsubscribe = (): void => {};
  /** How often in a row the service was asked and could not. */
  #failures = 0;

  constructor(options: LiveQueryOptions<Data>) {
    this.#options = options;
  }

  /** Begins, or goes on after a `rest()`. */
  begin(): void {
    if (this.#ended.signal.aborted) return;
    const { sockets, document, variables } = this.#options;
    const subscriber: Subscriber = {
      next: (result) => this.#take(result),
      error: (errors) => this.#recover(errorOf(errors, variables())),
      complete: () => this.#complete(),
      lost: (error) => this.#fail(error),
    };
    this.#unsubscribe = sockets.subscribe(() => ({ query: document, variables: variables() }), subscriber);
  }

  /** Lets go of the subscription, to be begun again later. */
  rest(): void {
    this.#unsubscribe();
  }

  /** Ends it for good. */
  end(): void {
    this.#ended.abort();
    this.rest();
  }

  #take(result: unknown): void {
    const { settings, variables, onData } = this.#options;
    try {
      const data = dataOf<Data>(result, { url: settings.url, asked: variables() });
      readAnswer(settings.url, () => onData(data));
      this.#failures = 0;
    } catch (error) {
      this.#recover(error);
    }
  }

  #complete(): void {
    if (this.#options.onComplete()) this.end();
    else this.#recover(unavailable('OVERLOADED', `the service at ${this.#options.settings.url} has ended a subscription too early`));
  }

  #recover(error: unknown): void {
    if (error instanceof UnavailableError && this.#failures + 1 < this.#options.settings.connectAttempts)
      this.#beginAgain(circumstancesOf(error).retryAfterMs);
    else this.#fail(error);
  }

  #beginAgain(retryAfterMs: number | undefined): void {
    const waitMs = Math.max(
      backoffMs(this.#options.settings, this.#failures),
      retryAfterMs === undefined ? 0 : askedForMs(Math.min(retryAfterMs, longestPauseMs)),
    );
    this.#failures += 1;
    this.rest();
    pause(waitMs, this.#ended.signal).then(
      () => this.begin(),
      () => {}, // ended meanwhile
    );
  }

  #fail(error: unknown): void {
    this.end();
    this.#options.onError(error);
  }
}

/** However long the service asks a subscription to stay away, in milliseconds. */
const longestPauseMs = 60_000;
