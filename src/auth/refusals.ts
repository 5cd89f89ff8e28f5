import { GraphQLError } from 'graphql';

/** Somebody is not known: what is wrong with the token, in words that give nothing away. */
export const unauthenticated = (message: string): GraphQLError =>
  new GraphQLError(message, {
    extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } } },
  });

/** There is no token at all, which by RFC 6750 is asked for without an error. */
export const noToken = (): GraphQLError =>
  new GraphQLError('There is no token: send one as "authorization: Bearer …".', {
    extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': 'Bearer' } } },
  });

export const tokenExpired = (): GraphQLError => unauthenticated('The token has expired.');

/** Somebody is known, and may not do this. */
export const forbidden = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'FORBIDDEN' } });

/** When to try again what could not be checked, in milliseconds. */
const retryAfterMs = 1_000;

/** Whether a token is good cannot be told: nobody is let in on a guess. */
export const keysAway = (): GraphQLError =>
  new GraphQLError('The keys by which tokens are checked cannot be had right now.', {
    extensions: {
      code: 'OVERLOADED',
      retryAfterMs,
      http: { status: 503, headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } },
    },
  });
