import type { ServerResponse } from 'node:http';
import type { LongConnection } from './drain.ts';

/**
 * Of the answers under way those that are streams of server-sent events. They are cut off, not ended, when their turn comes: an end would
 * tell the client that all has been said.
 */
export const eventStreams = (answers: Iterable<ServerResponse>): LongConnection[] =>
  [...answers].filter(isEventStream).map((response) => ({ isChanging: false, leave: () => void response.destroy() }));

/** Known once the answer has begun. One that has said all and is only being handed over is none any more. */
const isEventStream = (response: ServerResponse): boolean =>
  !response.writableEnded && String(response.getHeader('content-type')).startsWith('text/event-stream');
