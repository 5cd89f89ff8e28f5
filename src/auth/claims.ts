import type { JWTPayload } from 'jose';
import { type Caller, Identity } from './identity.ts';
import { unauthenticated } from './refusals.ts';
import { scopesOf } from './scopes.ts';

/** As much as the columns `tenant_id` and what shows a subject take. */
const longest = 255;
/** Printed in logs and used as names: letters, digits and little else. */
const tenant = /^[\w.:@-]+$/;
/** No control characters, invisible ones, or halves of characters: it is shown in the audit trail and in logs. */
const subject = /^\P{C}+$/u;
/** Names of parts of the service itself, which the audit trail must be able to tell from people. */
const ownNames = /^(service|database):/;

/**
 * Who a token whose signature and times are good speaks for.
 * @param toleranceMs for how long after its end the token still counts
 * @throws GraphQLError (UNAUTHENTICATED) for a claim that is missing or is not as it must be
 */
export function identityOf({ sub, exp, tenant: tenantId, scope = '' }: JWTPayload, toleranceMs: number): Identity {
  if (!isName(sub, subject) || ownNames.test(sub)) {
    throw unauthenticated(`The claim sub of the token must be 1 to ${longest} printable characters, and no name of the service itself.`);
  }
  if (!isName(tenantId, tenant)) {
    throw unauthenticated(`The claim tenant of the token must be 1 to ${longest} letters, digits, and any of _ . : @ -`);
  }
  if (typeof scope !== 'string') throw unauthenticated('The claim scope of the token must be text, with blanks between the scopes.');
  if (typeof exp !== 'number') throw unauthenticated('The token has no exp.');
  const caller: Caller = { tenantId, subject: sub, scopes: scopesOf(scope) };
  return new Identity(caller, exp * 1_000 + toleranceMs);
}

const isName = (value: unknown, pattern: RegExp): value is string =>
  typeof value === 'string' && value.length <= longest && pattern.test(value);
