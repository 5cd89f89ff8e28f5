import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { StartupError } from '../startup-error.ts';
import type { HealthStatus, Logger } from '../store/index.ts';
import type { GraphQLPipeline } from './graphql.ts';
import { answerJson, answerLive, answerReady } from './health.ts';
import { BodyRefusal, readJsonBody } from './json-body.ts';
import type { Sockets } from './sockets.ts';

export interface HttpServerOptions {
  host: string;
  port: number;
  /** The path of the GraphQL API. */
  path: string;
  /** Largest HTTP body, in bytes. */
  maxRequestBytes: number;
  log: Logger;
}

/** What the server serves once the service is ready. */
export interface Service {
  pipeline: GraphQLPipeline;
  sockets: Sockets;
  health: () => Promise<HealthStatus>;
}

/** On every answer: no guessing of content types, no framing by other sites, no address given away by links. */
const protectiveHeaders = [
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
] as const;
const clientRequestId = /^[\w.:-]{1,128}$/;

/** The HTTP server: GraphQL, WebSocket upgrades on the same path, and health. It listens before the service is ready, and says so. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  #service: Service | undefined;
  /** All of them, also those that were upgraded: the server itself forgets these. */
  readonly #connections = new Set<Socket>();
  #stopping = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      response.once('close', () => setImmediate(() => this.#closeIdle()));
      this.#answer(request, response).catch((error: unknown) => this.#answerFault(response, error));
    });
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.#service === undefined || this.#stopping) refuseUpgrade(socket);
      else this.#service.sockets.upgrade(request, socket, head);
    });
  }

  /** Takes the port. @throws StartupError (PORT_TAKEN) when it cannot be had. */
  async listen(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
      this.#server.listen(port, host, resolve);
    });
  }

  /** Begins to serve; until then every request is told to come again. */
  serve(service: Service): void {
    this.#service = service;
  }

  /** Where the service is, without a path. */
  get url(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    const host = address === '0.0.0.0' || address === '::' ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
    return `http://${host}:${port}`;
  }

  /** Takes no more connections; readiness is false and new requests on open connections are refused from now on. */
  drain(): void {
    this.#stopping = true;
    if (this.#server.listening) this.#server.close();
  }

  /** Resolves when every connection has ended; cuts off after `timeoutMs` those that have not. */
  async stop(timeoutMs: number): Promise<void> {
    this.drain();
    const closed = new Promise<void>((resolve) =>
      this.#server.listening ? this.#server.once('close', resolve) : this.#server.close(() => resolve()),
    );
    this.#closeIdle();
    const cutOff = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, timeoutMs);
    await closed;
    clearTimeout(cutOff);
  }

  /** While stopping: closes the kept-alive connections whose last request has been answered. */
  #closeIdle(): void {
    if (this.#stopping) this.#server.closeIdleConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of protectiveHeaders) response.setHeader(name, value);
    const [path] = (request.url ?? '/').split('?', 1);
    if (path === '/health/live') return answerLive(response);
    if (this.#service === undefined || this.#stopping) return this.#answerNotReady(response);
    if (path === '/health/ready') return answerReady(response, await this.#service.health());
    if (path !== this.#options.path)
      return answerJson(response, 404, { error: `Nothing is at ${path}.`, paths: [this.#options.path, '/health/live', '/health/ready'] });
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && clientRequestId.test(given) ? given : randomUUID();
    response.setHeader('x-request-id', requestId);
    if (request.method === 'POST') Object.assign(request, { body: await readJsonBody(request, this.#options.maxRequestBytes) });
    await this.#service.pipeline(request, response, { requestId });
  }

  #answerNotReady(response: ServerResponse): void {
    const status = this.#stopping ? 'stopping' : 'starting';
    answerJson(response, 503, { status, error: `The service is ${status}.` }, { 'retry-after': '1', connection: 'close' });
  }

  #answerFault(response: ServerResponse, error: unknown): void {
    if (error instanceof BodyRefusal) {
      answerRefusedBody(response, error);
      return;
    }
    this.#options.log.error({ err: error }, 'a request could not be answered');
    if (response.headersSent) response.destroy();
    else answerJson(response, 500, { error: 'The service failed to answer this.' });
  }
}

/** The rest of the body may still be on its way, and would stand before the next request: so the connection ends with the answer. */
function answerRefusedBody(response: ServerResponse, { status, code, message }: BodyRefusal): void {
  answerJson(response, status, { errors: [{ message, extensions: { code } }] }, { connection: 'close' });
}

function refuseUpgrade(socket: Duplex): void {
  socket.on('error', () => {}); // the client broke off; the HTTP server no longer listens for that
  socket.once('finish', () => socket.destroy());
  socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n');
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const reasons: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is taken by another program. Stop that, or set PORT to another one.`,
    EACCES: `Port ${port} on ${host} may not be used by this user. Set PORT to one of 1024 or more.`,
    EADDRNOTAVAIL: `This machine has no address ${host}. Set HOST to one that it has.`,
    ENOTFOUND: `The name ${host} has no address. Set HOST to an address of this machine.`,
  };
  const reason = reasons[error.code ?? ''];
  return reason === undefined ? error : new StartupError('PORT_TAKEN', reason, { cause: error });
}
