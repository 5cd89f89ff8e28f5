import { once } from 'node:events';
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestPlainly,
} from 'node:http';
import { Agent as HttpsAgent, request as requestSecurely } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { Reach } from './connection.ts';
import { withTimeLimit } from './time-limit.ts';
import { asCheckError } from './unreachable.ts';

export interface Answer {
  url: URL;
  status: number;
  headers: IncomingHttpHeaders;
  /** From sending the request to the head of the answer. */
  latencyMs: number;
}

/** A request that was not answered, and why. */
export interface NoAnswer {
  reason: string;
}

/** The most of a body that is read; the rest is dropped together with its connection. */
const longestBodyBytes = 1024 * 1024;
/** The most time that is given to a body, which may have no end. */
const longestBodyMs = 1_000;

/** Sends GET requests to one URL, one after the other, on one connection where the server keeps it open. Redirects are not followed. */
export class Requests {
  readonly #url: URL;
  readonly #reach: Reach;
  readonly #agent: HttpAgent;

  constructor(url: URL, reach: Reach, settings: ConnectionOptions = {}) {
    this.#url = url;
    this.#reach = reach;
    // Whether to trust the certificate is a finding, and nothing secret is sent.
    this.#agent =
      url.protocol === 'https:'
        ? new HttpsAgent({ ...settings, keepAlive: true, rejectUnauthorized: false })
        : new HttpAgent({ keepAlive: true });
  }

  /** Sends one. @throws ForbiddenTargetError; UnreachableError when it is not answered; the reason of the signal */
  async send(): Promise<Answer> {
    const { targets, signal: parent, attemptMs: limitMs } = this.#reach;
    targets.requireAllowed(this.#url);
    let request: ClientRequest | undefined;
    try {
      return await withTimeLimit({ parent, limitMs, late: () => new Error('late') }, (signal) => {
        request = this.#begin(signal);
        return answerTo(request, this.#url, signal);
      });
    } catch (error) {
      parent.throwIfAborted();
      // The server may close a connection that was open just while we take it up again: that says nothing about the server.
      if (request?.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return this.send();
      throw asCheckError(error, this.#url, limitMs);
    }
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy();
  }

  #begin(signal: AbortSignal): ClientRequest {
    const headers = { 'user-agent': 'AssessmentStore', accept: '*/*' };
    const send = this.#url.protocol === 'https:' ? requestSecurely : requestPlainly;
    const request = send(this.#url, { agent: this.#agent, headers, signal, lookup: this.#reach.targets.lookupFor(this.#url) });
    request.on('error', () => {}); // told by `once`; one that comes later changes nothing
    // Without a listener Node closes the connection and says nothing: there would be neither an answer nor an error.
    request.once('upgrade', (_, socket) => {
      socket.destroy();
      request.emit('error', Object.assign(new Error('the server switches to another protocol'), { code: 'HPE_UPGRADE' }));
    });
    return request.end();
  }
}

async function answerTo(request: ClientRequest, url: URL, signal: AbortSignal): Promise<Answer> {
  const began = performance.now();
  const [response]: IncomingMessage[] = await once(request, 'response', { signal });
  if (response?.statusCode === undefined) throw new Error('there is no status');
  const latencyMs = performance.now() - began;
  await drain(response);
  return { url, status: response.statusCode, headers: response.headers, latencyMs };
}

/** Reads the body away, so that the connection can be used again; a long or slow one is dropped. */
async function drain(response: IncomingMessage): Promise<void> {
  const timer = setTimeout(() => response.destroy(), longestBodyMs);
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > longestBodyBytes) break;
    }
  } catch {
    // The head of the answer is what is checked. The caller looks at the signal.
  } finally {
    clearTimeout(timer);
  }
}
