import type { IncomingMessage, ServerResponse } from 'node:http';

/** On every answer: no guessing of content types, no framing by other sites, no address given away by links, nothing kept by caches. */
const always = [
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['cache-control', 'no-store'],
] as const;
const forData = "default-src 'none'; frame-ancestors 'none'";
/** GraphiQL has its scripts and styles in the page. */
const forPages = "frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'none'";

/** Sets what keeps an answer from being used otherwise than it is meant. */
export function setProtectiveHeaders({ headers: { accept } }: IncomingMessage, response: ServerResponse): void {
  for (const [name, value] of always) response.setHeader(name, value);
  response.setHeader('content-security-policy', accept?.includes('text/html') ? forPages : forData);
}
