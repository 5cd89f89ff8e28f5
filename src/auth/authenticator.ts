import { createSecretKey } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Logger } from '../store/index.ts';
import { identityOf } from './claims.ts';
import { anonymous, type Identity } from './identity.ts';
import { noToken, tokenExpired, unauthenticated } from './refusals.ts';
import { RemoteKeys } from './remote-keys.ts';

export interface TokenRules {
  /** Either a secret that whoever makes tokens has too, or where an issuer publishes its keys. */
  keys: { secret: string } | { url: string; timeoutMs: number; cooldownMs: number };
  /** The signatures that are accepted. */
  algorithms: readonly string[];
  /** What the claims `iss` and `aud` have to be; undefined: anything. */
  issuer: string | undefined;
  audience: string | undefined;
  /** How far the clocks of the issuer and of this machine may be apart, in milliseconds. */
  toleranceMs: number;
  log: Logger;
}

/**
 * Says who comes with an `authorization`, as HTTP and `connection_init` have it.
 * @throws GraphQLError, or rejects with one: UNAUTHENTICATED for no token or one that is not good, OVERLOADED when that cannot be found out
 */
export type Authenticate = (authorization: string | undefined) => Identity | Promise<Identity>;

/** Whoever comes is let in, whatever they say. */
export const letEverybodyIn: Authenticate = () => anonymous;

/** Longest token, in characters. */
const longestToken = 8_192;
/** How much of tokens that were found good is remembered, in characters; and for how long, in milliseconds: so long a key that was withdrawn may go on. */
const knownCharacters = 8 * 1024 * 1024;
const knownMs = 60_000;

/** Lets in whoever has a good token. A token is checked once a minute, since that takes longer than many a request. */
export function letInByToken({ keys, algorithms, issuer, audience, toleranceMs, log }: TokenRules): Authenticate {
  const known = new LRUCache<string, Identity>({ maxSize: knownCharacters, sizeCalculation: (_, token) => token.length, ttl: knownMs });
  const keyOf = 'secret' in keys ? secretOf(keys.secret) : new RemoteKeys({ ...keys, log }).keyOf;
  const options = {
    algorithms: [...algorithms],
    requiredClaims: ['exp', 'sub', 'tenant'],
    clockTolerance: toleranceMs / 1_000,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
  const verify = async (token: string): Promise<Identity> => {
    const payload = await checked(() => jwtVerify(token, keyOf, options));
    const identity = identityOf(payload, toleranceMs);
    known.set(token, identity);
    return identity;
  };
  return (authorization) => {
    const token = tokenIn(authorization);
    const identity = known.get(token);
    if (identity === undefined) return verify(token);
    if (identity.isExpired) throw tokenExpired();
    return identity;
  };
}

function secretOf(secret: string): JWTVerifyGetKey {
  const key = createSecretKey(Buffer.from(secret));
  return () => key;
}

function tokenIn(authorization: string | undefined): string {
  if (authorization === undefined || authorization === '') throw noToken();
  const token = /^(?:Bearer +)?(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw unauthenticated('The authorization must be "Bearer", a blank and the token.');
  if (token.length > longestToken) throw unauthenticated(`The token is longer than ${longestToken} characters.`);
  return token;
}

async function checked(verify: () => Promise<{ payload: JWTPayload }>): Promise<JWTPayload> {
  try {
    return (await verify()).payload;
  } catch (error) {
    throw error instanceof errors.JOSEError ? refusalOf(error) : error;
  }
}

function refusalOf(error: errors.JOSEError): Error {
  if (error instanceof errors.JWTExpired) return tokenExpired();
  if (error instanceof errors.JWTClaimValidationFailed) return unauthenticated(saidOf(error));
  return unauthenticated(saidByCode[error.code] ?? 'The token is no signed JWT.');
}

const notAccepted = 'The token is signed in a way that is not accepted here.';
const notKnown = 'The token is not signed with a key that is known here.';
const saidByCode: Record<string, string> = {
  ERR_JOSE_ALG_NOT_ALLOWED: notAccepted,
  ERR_JOSE_NOT_SUPPORTED: notAccepted,
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: notKnown,
  ERR_JWKS_NO_MATCHING_KEY: notKnown,
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'The token does not say (kid) with which of the keys it is signed.',
};

function saidOf({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `The token has no ${claim}.`;
  if (claim === 'nbf') return 'The token is not valid yet.';
  if (claim === 'iss') return 'The token is not from the issuer that is trusted here.';
  if (claim === 'aud') return 'The token is not meant for this service.';
  return `The claim ${claim} of the token is not as it must be.`;
}
