import type { Actor, AssessmentStore, Loaders, Logger } from './store/index.ts';

/** What a resolver knows of the request that it answers. */
export interface Context {
  store: AssessmentStore;
  /** Who asks. */
  actor: Actor;
  /** Batched reads; new ones for every request and every event of a subscription. */
  loaders: Loaders;
  /** Names the request in the log and, as the header `x-request-id`, to the client. */
  requestId: string;
  log: Logger;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

/** The same context for the next event of a subscription: what the last one read is not read from memory again. */
export const freshContext = (context: Context): Context => ({ ...context, loaders: context.store.loaders(context.actor) });
