import { type Caller, Identity } from './auth/identity.ts';
import type { AssessmentStore, Loaders, Logger } from './store/index.ts';

/** What a resolver knows of the request that it answers. */
export interface Context {
  store: AssessmentStore;
  /** Who asks, and what that one may do. */
  actor: Caller;
  /** The same, with the end of the token. */
  identity: Identity;
  /** Batched reads; new ones for every request and every event of a subscription. */
  loaders: Loaders;
  /** Names the request in the log and, as the header `x-request-id`, to the client. */
  requestId: string;
  log: Logger;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
  /** The last event that a client of server-sent events has seen: where its subscription goes on, whatever the arguments say. */
  lastEventId?: string | undefined;
}

/**
 * What decides on what an actor may see: all that is known of it but its name. Whoever has the same rights is shown the same.
 */
export const rightsOf = ({ subject: _, ...rights }: Caller): Omit<Caller, 'subject'> => rights;

/**
 * A context for what several requests of the same rights are answered together: it knows none of them by name, and is not ended by any of
 * them. New ones for every such answer: what one has read must not be shown by the next.
 */
export const sharedContext = ({ store, actor, log }: Context): Context => {
  const reader: Caller = { ...rightsOf(actor), subject: 'subscribers' };
  return { store, log, actor: reader, identity: new Identity(reader), loaders: store.loaders(reader), requestId: 'shared', signal: never };
};

const never = new AbortController().signal;
