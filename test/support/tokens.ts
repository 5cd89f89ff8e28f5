import { SignJWT } from 'jose';
import type { Config } from '../../src/config.ts';

/** The secret of services that tests start. */
export const testSecret = 'a secret of tests, which is long enough';

/** For `startTestApp`: tokens of `tokenOf` are accepted, and the clocks are the same. */
export const withTokens: Partial<Config> = { AUTH_JWT_SECRET: testSecret, AUTH_CLOCK_TOLERANCE_MS: 0 };

/** All that may be read, done and worked on. */
export const fullScope = 'assessments:read assessments:write assessments:work assessments:admin';

/** What stands in a token, good or not. */
export type Claims = Record<string, unknown>;

/** What a good token says; an hour long. */
export const goodClaims = (): Claims => ({
  sub: 'ada',
  tenant: 'default',
  scope: fullScope,
  exp: Math.floor(Date.now() / 1_000) + 3_600,
});

/** A token with these claims in place of the good ones; a claim that is undefined is left out. */
export function tokenOf(claims: Claims = {}, secret = testSecret): Promise<string> {
  return new SignJWT({ ...goodClaims(), ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret));
}

/** The same as a header. */
export const authorizationOf = async (claims: Claims = {}): Promise<{ authorization: string }> => ({
  authorization: `Bearer ${await tokenOf(claims)}`,
});
