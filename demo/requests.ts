import { once } from 'node:events';
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestPlainly,
} from 'node:http';
import { Agent as HttpsAgent, request as requestSecurely } from 'node:https';
import type { Limits } from './connection.ts';
import { whyUnreachable } from './unreachable.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** From sending the request to the head of the answer. */
  latencyMs: number;
}

/** A request that was not answered, and why. */
export interface NoAnswer {
  reason: string;
}

/** Sends GET requests to one URL, one after the other, on one connection where the server keeps it open. Redirects are not followed. */
export class Requests {
  readonly #url: URL;
  readonly #limits: Limits;
  readonly #agent: HttpAgent;

  constructor(url: URL, limits: Limits) {
    this.#url = url;
    this.#limits = limits;
    this.#agent = url.protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  }

  /** Sends one. Throws only when the check was ended. */
  async send(): Promise<Answer | NoAnswer> {
    const request = this.#begin();
    try {
      return await answerTo(request);
    } catch (error) {
      this.#limits.signal.throwIfAborted();
      // The server may close a connection that was open just while we take it up again: that says nothing about the server.
      if (request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return this.send();
      return { reason: whyUnreachable(error, this.#url, this.#limits.timeoutMs) };
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #begin(): ClientRequest {
    const signal = AbortSignal.any([this.#limits.signal, AbortSignal.timeout(this.#limits.timeoutMs)]);
    const headers = { 'user-agent': 'AssessmentStore-demo', accept: '*/*' };
    const send = this.#url.protocol === 'https:' ? requestSecurely : requestPlainly;
    const request = send(this.#url, { agent: this.#agent, headers, signal });
    request.on('error', () => {}); // told by `once`; one that comes later changes nothing
    return request.end();
  }
}

async function answerTo(request: ClientRequest): Promise<Answer> {
  const began = performance.now();
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response?.statusCode === undefined) throw new Error('there is no status');
  const latencyMs = performance.now() - began;
  await drain(response);
  return { status: response.statusCode, headers: response.headers, latencyMs };
}

const drainedBytes = 256 * 1024;

/** Reads the body away, so that the connection can be used again; a long or broken one is dropped together with its connection. */
async function drain(response: IncomingMessage): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > drainedBytes) break;
    }
  } catch {
    // The head of the answer is what is checked.
  }
}
