import type { ArgBuilder } from '@pothos/core';
import type { Connection } from '../store/index.ts';
import type { builder } from './builder.ts';

type Types = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : never;

/** The arguments of every list: Relay cursor connections. */
export const pageArgs = ({ arg }: { arg: ArgBuilder<Types> }) => ({
  first: arg.int({ description: 'How many from the start of the list, or after `after`: 0 to 100. Default 20.' }),
  after: arg.string({ description: 'The cursor after which the page begins.' }),
  last: arg.int({ description: 'How many from the end of the list, or before `before`: 0 to 100. Not together with `first`.' }),
  before: arg.string({ description: 'The cursor before which the page ends.' }),
});

/** What a page tells of its place in the list. */
export const pageInfoOf = ({ items, hasNextPage, hasPreviousPage }: Connection<unknown>) => ({
  hasNextPage,
  hasPreviousPage,
  startCursor: items[0]?.cursor ?? null,
  endCursor: items.at(-1)?.cursor ?? null,
});
