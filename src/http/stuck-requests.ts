import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Cuts a request off that does not get on: nothing moved for so many milliseconds, although its body is not all there, or some of its answer
 * waits to be taken. A request that is worked on, and a stream in which nothing happens, may take their time.
 */
export function cutOffWhenStuck(request: IncomingMessage, response: ServerResponse, slowClientMs: number): void {
  response.setTimeout(slowClientMs, () => {
    if (!request.complete || response.writableLength > 0) response.destroy();
  });
}

/** To be called every so often: graphql-yoga turns the time limits of a connection off when it begins to answer with a stream. */
export function limitAgain({ socket }: ServerResponse, slowClientMs: number): void {
  if (socket?.timeout === 0) socket.setTimeout(slowClientMs);
}
