import type { IncomingMessage } from 'node:http';

/**
 * Whether a page of a site that is not allowed makes a browser send this. The browser would not show it the answer, but it would cost something all
 * the same. Programs do not send `sec-fetch-site`; somebody who follows a link is welcome, and so is a question whether a request is allowed.
 */
export function isForeign({ method, headers }: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  if (headers['sec-fetch-site'] !== 'cross-site' || method === 'OPTIONS') return false;
  if (method === 'GET' && headers['sec-fetch-mode'] === 'navigate') return false;
  return headers.origin === undefined || !allowedOrigins.includes(headers.origin);
}
