import type { ServerResponse } from 'node:http';
import type { HealthStatus } from '../store/index.ts';

/** Answers `/health/live`: the process runs. */
export const answerLive = (response: ServerResponse): void => answerJson(response, 200, { status: 'live' });

/** Answers `/health/ready`: 200 when requests can be served (also DEGRADED, without the bus), else 503; with the state of each part. */
export const answerReady = (response: ServerResponse, health: HealthStatus): void =>
  answerJson(response, health.status === 'UNHEALTHY' ? 503 : 200, health);

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    ...headers,
  });
  response.end(`${JSON.stringify(body)}\n`);
}
