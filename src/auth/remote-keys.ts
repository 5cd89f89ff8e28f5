import { createRemoteJWKSet, errors, type JWTVerifyGetKey, type RemoteJWKSet } from 'jose';
import type { Logger } from '../store/index.ts';
import { keysAway } from './refusals.ts';

export interface RemoteKeysOptions {
  /** Where the issuer of tokens publishes its keys (a JSON Web Key Set). */
  url: string;
  /** How long getting them may take, in milliseconds. */
  timeoutMs: number;
  /** For so long after they were got, a token with an unknown key does not make them be got again, in milliseconds. */
  cooldownMs: number;
  log: Logger;
}

/** So long they are used without looking whether they are still the same, in milliseconds. */
const maxAgeMs = 600_000;
/** After they could not be got, nobody waits for that for so long, in milliseconds. */
const pauseMs = 1_000;

/** The public keys of an issuer of tokens. Without them nobody is let in, and nobody is kept waiting. */
export class RemoteKeys {
  readonly #keys: RemoteJWKSet;
  readonly #log: Logger;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor({ url, timeoutMs, cooldownMs, log }: RemoteKeysOptions) {
    this.#keys = createRemoteJWKSet(new URL(url), { timeoutDuration: timeoutMs, cooldownDuration: cooldownMs, cacheMaxAge: maxAgeMs });
    this.#log = log;
  }

  /** The key that a token names. @throws GraphQLError (OVERLOADED) when the keys cannot be got; JOSEError when it is none of them */
  readonly keyOf: JWTVerifyGetKey = async (header, token) => {
    if (!this.#keys.fresh && performance.now() - this.#failedAt < pauseMs) throw keysAway();
    try {
      return await this.#keys(header, token);
    } catch (error) {
      if (saysNoKey.some((kind) => error instanceof kind)) throw error;
      this.#failedAt = performance.now();
      this.#log.warn({ err: error }, 'the keys by which tokens are checked cannot be got from AUTH_JWKS_URL');
      throw keysAway();
    }
  };
}

/** The keys are there, and what the token names is not among them. */
const saysNoKey = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];
