import { UnavailableError } from '../store/errors.ts';
import { circumstancesOf, isUnauthenticated } from './api-error.ts';
import { askedForMs, backoffMs, pause } from './backoff.ts';
import { dataOf } from './http-transport.ts';
import type { ClientSettings } from './options.ts';
import { type Sockets, type Subscriber, socketError } from './sockets.ts';
import type { Tokens } from './tokens.ts';

/** What live queries of a client share. */
export interface LiveQueryContext {
  sockets: Sockets;
  tokens: Tokens;
  settings: ClientSettings;
}

export interface LiveQueryOptions<Data> extends LiveQueryContext {
  document: string;
  /** The variables as they are now: after a break, those with which it goes on where it was. */
  variables: () => Record<string, unknown>;
  /** How often in a row it may fail before it is given up. */
  attempts: number;
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
  #unsubscribe: (() => void) | undefined;
  #failures = 0;
  #hasRenewed = false;

  constructor(options: LiveQueryOptions<Data>) {
    this.#options = options;
  }

  /** Begins, or goes on after a `rest()`. */
  begin(): void {
    const { sockets, document, variables } = this.#options;
    const subscriber = this.#subscriber();
    const payload = {
      query: document,
      get variables() {
        return variables();
      },
    };
    const unsubscribe = sockets.subscribe(payload, subscriber);
    this.#unsubscribe = () => {
      subscriber.isCurrent = false;
      unsubscribe();
    };
  }

  /** Lets go of the subscription, to be begun again later. */
  rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  /** Ends it for good. */
  end(): void {
    this.#ended.abort();
    this.rest();
  }

  #subscriber(): Subscriber & { isCurrent: boolean } {
    const { attempts, onComplete } = this.#options;
    const subscriber = {
      isCurrent: true,
      next: (result: unknown) => subscriber.isCurrent && this.#take(result),
      error: (thrown: unknown) => subscriber.isCurrent && this.#recover(thrown),
      complete: () => {
        if (!subscriber.isCurrent) return;
        if (onComplete()) this.end();
        else this.#beginAgain(undefined);
      },
      failed: (times: number, by: unknown) => {
        if (subscriber.isCurrent && times >= attempts) this.#fail(this.#errorOf(by));
      },
    };
    return subscriber;
  }

  #take(result: unknown): void {
    const { settings, variables, onData } = this.#options;
    try {
      onData(dataOf<Data>(result, { url: settings.url, asked: variables() }));
      this.#failures = 0;
      this.#hasRenewed = false;
    } catch (error) {
      this.#recoverFrom(error);
    }
  }

  #recover(thrown: unknown): void {
    this.#recoverFrom(this.#errorOf(thrown));
  }

  #recoverFrom(error: unknown): void {
    const { tokens, sockets } = this.#options;
    if (isUnauthenticated(error) && tokens.canRenew && !this.#hasRenewed) {
      this.#hasRenewed = true;
      sockets.reconnect();
      this.#beginAgain(0);
    } else if (error instanceof UnavailableError && this.#failures < this.#options.attempts) {
      const { retryAfterMs } = circumstancesOf(error);
      this.#beginAgain(retryAfterMs === undefined ? undefined : askedForMs(Math.min(retryAfterMs, longestPauseMs)));
    } else this.#fail(error);
  }

  #beginAgain(waitMs = backoffMs(this.#options.settings, this.#failures)): void {
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

  #errorOf(thrown: unknown): unknown {
    return socketError(thrown, this.#options.settings.url, this.#options.variables());
  }
}

/** However long the service asks a subscription to stay away, in milliseconds. */
const longestPauseMs = 60_000;
