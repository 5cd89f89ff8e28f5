import { type AuthFailure, AuthScopeFailureType, type ForbiddenResult } from '@pothos/plugin-scope-auth';
import type { GraphQLResolveInfo } from 'graphql';
import { forbidden } from '../auth/refusals.ts';
import { type Scope, scopeTitle } from '../auth/scopes.ts';

/** What is said to somebody whose token lacks the scope that a field, or the type of what it gives, asks for. */
export const missingScope = (_parent: unknown, _context: object, info: GraphQLResolveInfo, { failure }: ForbiddenResult): Error =>
  forbidden(`${info.parentType.name}.${info.fieldName} needs a token with the scope ${scopesIn(failure).map(scopeTitle).join(' or ')}.`);

function scopesIn(failure: AuthFailure): Scope[] {
  switch (failure.kind) {
    case AuthScopeFailureType.AuthScope:
      return [failure.scope as Scope];
    case AuthScopeFailureType.AnyAuthScopes:
    case AuthScopeFailureType.AllAuthScopes:
      return failure.failures.flatMap(scopesIn);
    default:
      return [];
  }
}
