import { type Caller, Identity } from './auth/identity.ts';
import type { AssessmentStore, Loaders, Logger } from './store/index.ts';

/** The place of an operation among those that are worked on at a time. */
export interface Place {
  /** Gives it back; only the first call counts. */
  leave(): void;
  /** What follows is waiting, maybe for long: gives it back, unless the operation does other things beside that. */
  rest(): void;
}

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
  /** None where somebody is answered who is let in already. */
  place?: Place | undefined;
  /** The client's span that the operation belongs to (W3C trace context). */
  traceparent?: string | undefined;
  /** Follows the resolvers of root fields, where somebody does. */
  tracer?: FieldTracer | undefined;
}

/** Runs a resolver as a span of its own. */
export type FieldTracer = <Result>(name: string, run: () => Result) => Result;

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
