import { SignJWT } from 'jose';

export interface DevelopmentToken {
  secret: string;
  algorithm: string;
  subject: string;
  tenant: string;
  scope: string;
  /** How long it is good, in milliseconds. */
  lifeMs: number;
  issuer?: string | undefined;
  audience?: string | undefined;
}

/** A token as an issuer would give it, signed with the secret that the service checks by. */
export function signDevelopmentToken(options: DevelopmentToken): Promise<string> {
  const { secret, algorithm, subject, tenant, scope, lifeMs, issuer, audience } = options;
  const seconds = Date.now() / 1_000;
  const token = new SignJWT({ tenant, scope })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setSubject(subject)
    .setIssuedAt(Math.floor(seconds))
    .setExpirationTime(Math.ceil(seconds + lifeMs / 1_000));
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(Buffer.from(secret));
}
