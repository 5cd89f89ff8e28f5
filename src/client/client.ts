import type { Client } from 'graphql-ws';
import { NotFoundError } from '../store/errors.ts';
import type { CreateAssessment, JsonObject } from '../store/index.ts';
import type { WorkAssessment } from '../worker/work-client.ts';
import { assessmentOf, isRefused, refusalOf, type SentAssessment, type SentRefusal } from './decode.ts';
import * as documents from './documents.ts';
import { HttpTransport } from './http-transport.ts';
import { openSockets, type SocketOptions, WorkApi } from './work-api.ts';

export type AssessmentClientOptions = SocketOptions;

type Bodies = { requestData: JsonObject; resultData: JsonObject | null };

const defaultWaitMs = 30_000;
/** How much longer than its wait an answer may take, in milliseconds. */
const waitSlackMs = 10_000;

/**
 * A client of the service's API. Refusals are the errors of the store (NotFoundError, ClaimLostError …), a service that is away is an
 * UnavailableError, and everything else that the API answers with is an ApiError.
 */
export class AssessmentClient extends WorkApi {
  readonly #http: HttpTransport;
  readonly #sockets: Client;
  readonly #closing: AbortController;

  constructor(options: AssessmentClientOptions) {
    const http = new HttpTransport(options);
    const closing = new AbortController();
    const sockets = openSockets(options, closing.signal);
    super(http, sockets);
    this.#closing = closing;
    this.#http = http;
    this.#sockets = sockets;
  }

  /** Submits an assessment; the same request with the same key again gives the one that is there (`created: false`). */
  async createAssessment(input: CreateAssessment): Promise<{ assessment: WorkAssessment; created: boolean }> {
    type Answer = { created: boolean; assessment: SentAssessment } | SentRefusal;
    const { answer } = await this.#http.ask<{ answer: Answer }>({ document: documents.create, variables: { input } });
    if (isRefused(answer)) throw refusalOf(answer);
    return { assessment: assessmentOf(answer.assessment), created: answer.created };
  }

  /** The assessment as it is now, with its request and its result. */
  async getState(assessmentId: string): Promise<WorkAssessment & Bodies> {
    type Answer = (SentAssessment & Bodies) | null;
    const { answer } = await this.#http.ask<{ answer: Answer }>({ document: documents.read, variables: { assessmentId } });
    if (answer === null) throw new NotFoundError(assessmentId);
    return assessmentOf(answer);
  }

  /** Resolves as soon as the assessment has ended, or with `timedOut: true` after `timeoutMs` (default 30,000). */
  async waitForCompletion(
    { assessmentId, timeoutMs = defaultWaitMs }: { assessmentId: string; timeoutMs?: number },
    signal?: AbortSignal,
  ): Promise<{ assessment: WorkAssessment; timedOut: boolean }> {
    type Answer = { timedOut: boolean; assessment: SentAssessment } | SentRefusal;
    const call = { document: documents.wait, variables: { assessmentId, timeoutMs }, timeoutMs: timeoutMs + waitSlackMs, signal };
    const { answer } = await this.#http.ask<{ answer: Answer }>(call);
    if (isRefused(answer)) throw refusalOf(answer);
    return { assessment: assessmentOf(answer.assessment), timedOut: answer.timedOut };
  }

  /** Ends every subscription, and closes the socket. */
  async close(): Promise<void> {
    this.#closing.abort();
    // A socket that was still being opened has nothing to close.
    await Promise.resolve(this.#sockets.dispose()).catch(() => {});
  }
}

/** A client of the API at `url` (the address of its GraphQL endpoint). Opens no connection before it is used. @throws TypeError for a bad URL */
export function createAssessmentClient(options: AssessmentClientOptions): AssessmentClient {
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError('url must be an address that begins with http:// or https://');
  // Neither is told in the error: what fetch says of them would end in a log.
  if (url.username !== '' || url.password !== '') throw new TypeError('url must not hold a user name or a password; give a token instead');
  if (options.token !== undefined && !/^[\x21-\x7e]+$/.test(options.token))
    throw new TypeError('token must be printable ASCII without blanks or line breaks');
  return new AssessmentClient(options);
}
