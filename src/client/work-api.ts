import { setTimeout as pause } from 'node:timers/promises';
import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { RefusalError, ReleaseResult } from '../store/index.ts';
import type { ReportedAssessment, WorkClient, WorkUpdate, WorkUpdates } from '../worker/work-client.ts';
import {
  claimOf,
  heartbeatOf,
  isRefused,
  refusalOf,
  type SentClaim,
  type SentHeartbeat,
  type SentRefusal,
  type SentUpdate,
  updateOf,
} from './decode.ts';
import * as documents from './documents.ts';
import { dataOf, type HttpTransport } from './http-transport.ts';
import { socketError } from './socket-error.ts';

type SentReport = { assessment: ReportedAssessment } | SentRefusal;
type Answer<Payload> = { answer: Payload };

/** How much longer than its wait the answer to a long poll may take, in milliseconds. */
const waitSlackMs = 10_000;

/** What a worker needs, over the API. */
export class WorkApi implements WorkClient {
  readonly #http: HttpTransport;
  readonly #sockets: Client;

  constructor(http: HttpTransport, sockets: Client) {
    this.#http = http;
    this.#sockets = sockets;
  }

  async claimAssessments(input: Parameters<WorkClient['claimAssessments']>[0], signal?: AbortSignal) {
    const timeoutMs = (input.waitMs ?? 0) + waitSlackMs;
    const { claims } = await this.#do<{ claims: SentClaim[] }>(documents.claim, input, { timeoutMs, signal });
    return claims.map(claimOf);
  }

  async heartbeat(input: Parameters<WorkClient['heartbeat']>[0]) {
    const { results } = await this.#do<{ results: SentHeartbeat[] }>(documents.beat, input);
    return results.map(heartbeatOf);
  }

  async releaseAssessments(input: Parameters<WorkClient['releaseAssessments']>[0]) {
    return (await this.#do<{ results: ReleaseResult[] }>(documents.release, input)).results;
  }

  async batchUpdateProgress(input: Parameters<WorkClient['batchUpdateProgress']>[0]) {
    return (await this.#do<{ results: SentReport[] }>(documents.reportProgress, input)).results.map(reportOf);
  }

  async batchCompleteAssessments(input: Parameters<WorkClient['batchCompleteAssessments']>[0]) {
    return (await this.#do<{ results: SentReport[] }>(documents.complete, input)).results.map(reportOf);
  }

  async failAssessment(input: Parameters<WorkClient['failAssessment']>[0]): Promise<ReportedAssessment> {
    const answer = await this.#do<SentReport>(documents.fail, input);
    if (isRefused(answer)) throw refusalOf(answer);
    return answer.assessment;
  }

  async watchAssessment(variables: { assessmentId: string }): Promise<WorkUpdates> {
    const answers = this.#sockets.iterate<Answer<SentUpdate>>({ query: documents.watch, variables });
    const updates: AsyncIterator<WorkUpdate> & WorkUpdates = {
      next: async () => {
        const next = await answers.next().catch((error: unknown) => {
          throw socketError(error, variables);
        });
        if (next.done) return { done: true, value: undefined };
        try {
          return { done: false, value: updateOf(dataOf<Answer<SentUpdate>>(next.value as object, variables).answer) };
        } catch (error) {
          await answers.return?.(); // `for await` does not, when next() fails
          throw error;
        }
      },
      return: async () => {
        await answers.return?.();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => updates,
    };
    return updates;
  }

  async #do<Payload>(
    document: string,
    input: object,
    call: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<Payload> {
    return (await this.#http.ask<Answer<Payload>>({ document, variables: { input }, ...call })).answer;
  }
}

const reportOf = (sent: SentReport): ReportedAssessment | RefusalError => (isRefused(sent) ? refusalOf(sent) : sent.assessment);

export interface SocketOptions {
  /** Where the GraphQL API is. */
  url: string;
  /** Sent when the connection is made, as `authorization`. */
  token?: string | undefined;
  /** The WebSocket to use. Default: that of the package `ws`. */
  webSocketImpl?: unknown;
}

/** One socket for all subscriptions: opened with the first, closed after the last, and opened again when it breaks off. */
export const openSockets = ({ url, token, webSocketImpl = WebSocket }: SocketOptions, closing: AbortSignal): Client =>
  createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl,
    lazy: true,
    retryAttempts: Number.POSITIVE_INFINITY,
    connectionAckWaitTimeout: 10_000,
    retryWait: (tries) =>
      pause(Math.min(500 * 2 ** Math.min(tries, 10), 10_000) * (0.5 + Math.random() / 2), undefined, { signal: closing }).catch(() => {}),
    shouldRetry: () => !closing.aborted,
    ...(token !== undefined && { connectionParams: { authorization: `Bearer ${token}` } }),
  });
