import type { IncomingMessage, ServerResponse } from 'node:http';

/** Lets a page of an allowed origin read an answer that does not come from the pipeline, which says so by itself. */
export function allowOrigin(request: IncomingMessage, response: ServerResponse, allowedOrigins: readonly string[]): void {
  const { origin } = request.headers;
  if (origin === undefined || !allowedOrigins.includes(origin)) return;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('access-control-expose-headers', 'x-request-id');
  response.setHeader('vary', 'Origin');
}
