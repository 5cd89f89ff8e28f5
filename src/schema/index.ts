import './scalars.ts';
import './errors.ts';
import './queries.ts';
import './monitoring.ts';
import './mutations.ts';
import './queue.ts';
import './batches.ts';
import './subscriptions.ts';
import { builder } from './builder.ts';

/** The API, as it is printed to schema.graphql. */
export const schema = builder.toSchema();
