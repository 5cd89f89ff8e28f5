import type { Actor } from '../store/index.ts';
import { allScopes, type Scopes } from './scopes.ts';

/** Who asks, and what that one may do. */
export interface Caller extends Actor {
  scopes: Scopes;
}

/** The longest that a timer can run, in milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

/** A caller whose token was found good, until that expires. */
export class Identity {
  readonly caller: Caller;
  /** When the token expires, in milliseconds since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
  readonly #callbacks = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(caller: Caller, expiresAt?: number) {
    this.caller = caller;
    this.expiresAt = expiresAt;
  }

  get isExpired(): boolean {
    return this.expiresAt !== undefined && Date.now() >= this.expiresAt;
  }

  /** Calls back once, when the token expires, or at once where it has; gives what takes that back. One timer serves all who ask. */
  whenExpired(callback: () => void): () => void {
    if (this.expiresAt === undefined) return () => {};
    if (this.isExpired) {
      callback();
      return () => {};
    }
    const own = (): void => callback(); // the same function may be given twice
    this.#callbacks.add(own);
    this.#timer ??= this.#wait(this.expiresAt);
    return () => {
      this.#callbacks.delete(own);
      if (this.#callbacks.size === 0) this.#rest();
    };
  }

  #wait(expiresAt: number): NodeJS.Timeout {
    return setTimeout(() => this.#expire(expiresAt), Math.min(expiresAt - Date.now(), longestTimerMs)).unref();
  }

  #expire(expiresAt: number): void {
    // A timer may be a little early, and for what is far away it has to be set again.
    if (!this.isExpired) {
      this.#timer = this.#wait(expiresAt);
      return;
    }
    this.#rest();
    const callbacks = [...this.#callbacks];
    this.#callbacks.clear();
    for (const callback of callbacks) callback();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Whoever comes where there is no authentication. */
export const anonymous = new Identity({ tenantId: 'default', subject: 'anonymous', scopes: allScopes });
