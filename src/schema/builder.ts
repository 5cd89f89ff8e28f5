import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type { Scope } from '../auth/scopes.ts';
import type { Context } from '../context.ts';
import type PrismaTypes from '../generated/pothos.ts';
import { getDatamodel } from '../generated/pothos.ts';
import type { JsonObject } from '../store/index.ts';
import { missingScope } from './missing-scope.ts';

export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  AuthScopes: Record<Scope, boolean>;
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    JSONObject: { Input: JsonObject; Output: JsonObject };
  };
}>({
  // The first is the outermost: who may not have a field, does not reach what gives it.
  plugins: [ScopeAuthPlugin, ErrorsPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    authScopes: ({ actor }) => actor.scopes,
    // Subscriptions at their beginning, and then what they show with every update. Types once for each object, not for each of its fields.
    authorizeOnSubscribe: true,
    runScopesOnType: true,
    unauthorizedError: missingScope,
  },
  prisma: { client: (context) => context.store.database, dmmf: getDatamodel(), onUnusedQuery: 'error' },
  errors: { directResult: true, defaultTypes: [] },
  relay: {
    nodeTypeOptions: { description: 'Something with an id that is unique in the whole service: `node` and `nodes` find it again.' },
    idFieldOptions: { description: 'The global ID; opaque, and the same for as long as the object exists.' },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    pageInfoTypeOptions: { description: 'Where a page of a list stands in it (Relay cursor connections).' },
    hasNextPageFieldOptions: { description: 'Whether more follows this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether something comes before this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first item of this page; null when it is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last item of this page; null when it is empty.' },
  },
});
