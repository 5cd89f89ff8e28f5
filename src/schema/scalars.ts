import { GraphQLScalarType } from 'graphql';
import { GraphQLDateTimeISO, GraphQLJSONObject } from 'graphql-scalars';
import { builder } from './builder.ts';

builder.addScalarType(
  'DateTime',
  new GraphQLScalarType({
    ...GraphQLDateTimeISO.toConfig(),
    name: 'DateTime',
    description: 'A moment as RFC 3339 in UTC with milliseconds, such as 2026-01-31T12:00:00.000Z. Input may have another offset.',
    specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  }),
);
builder.addScalarType(
  'JSONObject',
  new GraphQLScalarType({ ...GraphQLJSONObject.toConfig(), description: 'A JSON object: nested at most 64 levels deep, at most 1 MiB.' }),
);
