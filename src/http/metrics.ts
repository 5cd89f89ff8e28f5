import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson } from './health.ts';

/** Who may have the metrics: everybody, those with the token, or nobody, since there is none. */
export type MetricsAccess = 'everybody' | { token: string } | 'nobody';

export interface MetricsPage {
  access: MetricsAccess;
  contentType: string;
  render: () => Promise<string>;
}

/** Answers `/metrics`. */
export async function answerMetrics(request: IncomingMessage, response: ServerResponse, page: MetricsPage): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    answerJson(response, 405, { error: 'Metrics are read with GET.' }, { allow: 'GET, HEAD' });
  } else if (page.access === 'nobody') {
    answerJson(response, 403, { error: 'Metrics are served to those with a token: set METRICS_TOKEN.' });
  } else if (page.access !== 'everybody' && !isToken(request.headers.authorization, page.access.token)) {
    answerJson(response, 401, { error: 'Metrics need the token of METRICS_TOKEN.' }, { 'www-authenticate': 'Bearer' });
  } else {
    const text = await page.render();
    response.writeHead(200, { 'content-type': page.contentType, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
  }
}

/** Compared by their hashes: how long that takes tells nothing of the token. */
function isToken(header: string | undefined, token: string): boolean {
  const [, given] = /^Bearer +(\S+)$/i.exec(header ?? '') ?? [];
  return given !== undefined && timingSafeEqual(hash(given), hash(token));
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
