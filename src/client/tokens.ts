/** A token, or what gives one. */
export type TokenSource = string | (() => string | Promise<string>);

/** The token with which the service is asked. */
export class Tokens {
  readonly #source: TokenSource | undefined;
  #known: Promise<string> | undefined;

  /** @throws TypeError for a text that is no token */
  constructor(source: TokenSource | undefined) {
    this.#source = typeof source === 'string' ? checked(source) : source;
  }

  /** The one that is known, or the first. */
  async current(): Promise<string | undefined> {
    return this.#known ?? this.fresh();
  }

  /** Asks for one anew. @throws what the callback throws */
  async fresh(): Promise<string | undefined> {
    const source = this.#source;
    if (typeof source !== 'function') return source;
    const asked = (async () => checked(await source()))();
    this.#known = asked;
    asked.catch(() => {
      if (this.#known === asked) this.#known = undefined;
    });
    return asked;
  }

  /** The one to be used in place of one that was refused; undefined when there is no other to be had. */
  async insteadOf(refused: string | undefined): Promise<string | undefined> {
    if (!this.canRenew) return undefined;
    const asked = this.#known;
    const known = await asked?.catch(() => undefined);
    if (known !== undefined && known !== refused) return known;
    // Many calls are refused together: the first of them asks for another, and all use that.
    return this.#known === asked ? this.fresh() : this.current();
  }

  get canRenew(): boolean {
    return typeof this.#source === 'function';
  }
}

/** What fetch says of a token that it cannot send would show it: so that is found before. */
function checked(token: unknown): string {
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new TypeError('token must be printable ASCII without blanks or line breaks');
}
