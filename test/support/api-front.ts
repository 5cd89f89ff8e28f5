import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import WebSocket, { type RawData, WebSocketServer } from 'ws';

/** What a front does with what comes by. Each may be set anew at any time. */
export interface FrontRules {
  /** Whether a token is good; a request or a socket without a good one is refused. */
  admits: (authorization: string | undefined) => boolean;
  /** Called with every request; what it gives is answered in place of the service. */
  instead: () => [status: number, text: string, headers?: Record<string, string>] | undefined;
  /** Called with the document before a request is sent on; false: the connection is cut instead. */
  request: (document: string) => boolean | Promise<boolean>;
  /** Called with the document before an answer is given back; false: the connection is cut instead, and the answer lost. */
  answer: (document: string) => boolean;
  /** Called with the id of every subscription that a client begins; false: the service does not hear of it. */
  subscription: (id: string, socket: WebSocket) => boolean;
  /** Called with every message for a client; what it gives is sent in its place, undefined: nothing. */
  message: (message: string, socket: WebSocket) => string | undefined;
}

/**
 * An HTTP and WebSocket server before a service, at the level of the protocols: it passes on what it is not told to refuse, to lose or to
 * change. The service knows nothing of it.
 */
export class ApiFront {
  readonly rules: FrontRules = {
    ...{ admits: () => true, instead: () => undefined, request: () => true, answer: () => true, subscription: () => true },
    message: (message) => message,
  };
  /** The authorizations of all requests and sockets so far. */
  readonly authorizations: (string | undefined)[] = [];
  /** When each socket was opened, by `performance.now()`. */
  readonly opened: number[] = [];
  /** The sockets of clients that are open. */
  readonly sockets = new Set<WebSocket>();
  readonly #server: Server;
  readonly #upgrades = new WebSocketServer({ noServer: true, handleProtocols: () => 'graphql-transport-ws' });
  #target: string;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
    this.#server.on('upgrade', (request, stream, head) => {
      this.#upgrades.handleUpgrade(request, stream, head, (socket) => this.#join(socket));
    });
  }

  /** Starts one before the API at `target`. */
  static async before(target: string): Promise<ApiFront> {
    const front = new ApiFront(target);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  /** Where the API is for clients. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/graphql`;
  }

  /** Closes all sockets of clients; without a code as if the connections had broken. */
  closeSockets(code?: number, reason?: string): void {
    for (const socket of this.sockets) {
      if (code === undefined) socket.terminate();
      else socket.close(code, reason);
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authorization } = request.headers;
    this.authorizations.push(authorization);
    const body = await text(request);
    const document = String((JSON.parse(body) as { query: unknown }).query);
    if (!this.rules.admits(authorization)) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"no"}');
      return;
    }
    const [status, content, headers] = this.rules.instead() ?? [];
    if (status !== undefined) {
      response.writeHead(status, headers).end(content);
      return;
    }
    await this.#ask(body, document, response);
  }

  async #ask(body: string, document: string, response: ServerResponse): Promise<void> {
    if (!(await this.rules.request(document))) {
      response.destroy();
      return;
    }
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const answer = await fetch(this.#target, { method: 'POST', headers, body });
    const content = await answer.text();
    if (this.rules.answer(document)) response.writeHead(answer.status, { 'content-type': 'application/json' }).end(content);
    else response.destroy();
  }

  #join(client: WebSocket): void {
    this.sockets.add(client);
    this.opened.push(performance.now());
    const service = new WebSocket(this.#target.replace('http', 'ws'), 'graphql-transport-ws');
    const ready = once(service, 'open');
    ready.catch(() => client.terminate());
    service.on('message', (data) => {
      const message = this.rules.message(String(data), client);
      if (message !== undefined) client.send(message);
    });
    service.on('error', () => {}); // followed by its close
    service.once('close', (code, reason) => (code === 1005 || code === 1006 ? client.terminate() : client.close(code, String(reason))));
    client.on('error', () => {}); // followed by its close
    client.on('message', (data) => void ready.then(() => this.#heed(data, client, service)));
    client.once('close', () => {
      this.sockets.delete(client);
      service.terminate();
    });
  }

  #heed(data: RawData, client: WebSocket, service: WebSocket): void {
    const { type, id = '', payload } = JSON.parse(String(data)) as { type: string; id?: string; payload?: { authorization?: string } };
    if (type === 'subscribe' && !this.rules.subscription(id, client)) return;
    if (type === 'connection_init') {
      this.authorizations.push(payload?.authorization);
      if (!this.rules.admits(payload?.authorization)) {
        client.close(4401, 'Unauthorized');
        return;
      }
    }
    if (service.readyState === WebSocket.OPEN) service.send(String(data));
  }
}
