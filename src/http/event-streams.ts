import type { ServerResponse } from 'node:http';
import type { LongConnection } from './drain.ts';

/**
 * Of the answers under way those that are streams of server-sent events. They are cut off, not ended, when their turn comes: an end would
 * tell the client that all has been said.
 */
export const eventStreams = (answers: Iterable<ServerResponse>): LongConnection[] =>
  [...answers].filter(isEventStream).map((response) => ({ isChanging: false, leave: () => void response.destroy() }));

/** Cuts an answer off if it is a stream of events, and the system could hand nothing of it over for so many milliseconds. */
export function cutOffWhenStuck(response: ServerResponse, slowClientMs: number): void {
  // Told of every such time in which nothing moved in either direction, also where there was nothing to be moved.
  response.setTimeout(slowClientMs, () => {
    if (isEventStream(response) && response.writableLength > 0) response.destroy();
  });
}

/** Known once the answer has begun. */
const isEventStream = (response: ServerResponse): boolean => String(response.getHeader('content-type')).startsWith('text/event-stream');
