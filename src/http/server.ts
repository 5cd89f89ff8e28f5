import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { GraphQLError } from 'graphql';
import type { Authenticate } from '../auth/authenticator.ts';
import type { Identity } from '../auth/identity.ts';
import { StartupError } from '../startup-error.ts';
import type { HealthStatus, Logger } from '../store/index.ts';
import { checkAddress } from './address-parameters.ts';
import { type Admission, isShed, overloaded, type Shed } from './admission.ts';
import { allowOrigin } from './allow-origin.ts';
import { withoutHttpStatus } from './client-errors.ts';
import type { OperationRequest } from './document-gate.ts';
import { drain } from './drain.ts';
import { eventStreams } from './event-streams.ts';
import { isForeign } from './foreign-requests.ts';
import type { GraphQLPipeline } from './graphql.ts';
import { answerJson, answerLive, answerReady } from './health.ts';
import { BodyRefusal, readJsonBody } from './json-body.ts';
import { type Excess, type Limits, strangers, tooManyOperations } from './limits.ts';
import { answerMetrics, type MetricsPage } from './metrics.ts';
import type { OperationKind } from './operation-kind.ts';
import { type OwnHosts, strangeHost } from './own-hosts.ts';
import { setProtectiveHeaders } from './protective-headers.ts';
import { ReadinessWatch } from './readiness-watch.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import type { Sockets } from './sockets.ts';
import { cutOffWhenStuck, limitAgain } from './stuck-requests.ts';

export interface HttpServerOptions {
  host: string;
  port: number;
  /** The path of the GraphQL API. */
  path: string;
  /** Largest HTTP body, in bytes. */
  maxRequestBytes: number;
  /** A request that its client neither goes on to send, nor to take the answer of, for so many milliseconds is cut off. */
  slowClientMs: number;
  isOwnHost: OwnHosts;
  log: Logger;
}

/** What the server serves once the service is ready. */
export interface Service {
  pipeline: GraphQLPipeline;
  sockets: Sockets;
  limits: Limits;
  admission: Admission;
  /** How urgent what is asked for is. */
  kindOf: (asked: OperationRequest) => OperationKind;
  authenticate: Authenticate;
  /** Pages of these origins may read why they are refused. */
  allowedOrigins: readonly string[];
  health: () => Promise<HealthStatus>;
  /** Without it there is no `/metrics`. */
  metrics?: MetricsPage | undefined;
}

/** Longer than load balancers keep a connection that they do not use (60 s): closed here first, it may be lost with a request on it. */
const keepAliveMs = 65_000;
/** For a whole request, in milliseconds; for its headers `slowClientMs` are enough. */
const longestRequestMs = 300_000;
/** A body of so many bytes is cheaper to read to its end than a new connection. */
const shortBytes = 64 * 1024;
const otherPaths = ['/health/live', '/health/ready'];
const clientRequestId = /^[\w.:-]{1,128}$/;

/** The HTTP server: GraphQL, WebSocket upgrades on the same path, and health. It listens before the service is ready, and says so. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  #service: Service | undefined;
  /** All of them, also those that were upgraded: the server itself forgets these. */
  readonly #connections = new Set<Socket>();
  /** Requests that are not answered to the end, with their answers. */
  readonly #answers = new Set<ServerResponse>();
  readonly #readiness = new ReadinessWatch();
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** While it drains, requests are still served. */
  #phase: 'serving' | 'draining' | 'stopping' = 'serving';

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#lookMs = Math.min(5_000, options.slowClientMs / 4);
    this.#server = createServer(timeLimits(options.slowClientMs, this.#lookMs), (request, response) => {
      this.#answers.add(response);
      response.once('close', () => {
        this.#answers.delete(response);
        setImmediate(() => this.#closeIdle());
      });
      this.#answer(request, response).catch((error: unknown) => this.#answerFault(response, error));
    });
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.#service === undefined || this.#phase !== 'serving')
        refuseUpgrade(socket, 503, 'The service takes no sockets now', { 'retry-after': '1' });
      else if (!options.isOwnHost(request.headers.host)) refuseUpgrade(socket, 421, strangeHost);
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
    this.#timer = setInterval(() => this.runOnce(), this.#lookMs);
  }

  /** Looks once after the answers under way. */
  runOnce(): void {
    for (const response of this.#answers) limitAgain(response, this.#options.slowClientMs);
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

  /**
   * Says that it is not ready, takes no more sockets and event streams, and closes those that are open a few at a time; goes on serving
   * requests meanwhile. Resolves when all are closed, or after `windowMs` milliseconds where somebody asks for readiness.
   */
  async drain(windowMs: number, hurry: AbortSignal): Promise<void> {
    if (this.#service === undefined || this.#phase !== 'serving') return;
    this.#phase = 'draining';
    const { sockets } = this.#service;
    const isWatched = this.#readiness.isWatched();
    this.#options.log.info({ sockets: sockets.size, windowMs, isWatched }, 'draining');
    await drain({ open: () => [...sockets.open(), ...eventStreams(this.#answers)], windowMs, isWatched, hurry });
  }

  /** Takes no more connections, and refuses new requests on open ones. */
  refuse(): void {
    this.#phase = 'stopping';
    if (this.#server.listening) this.#server.close();
  }

  /** Resolves when every connection has ended; cuts off after `timeoutMs` those that have not. */
  async stop(timeoutMs: number): Promise<void> {
    this.refuse();
    const closed = new Promise<void>((resolve) =>
      this.#server.listening ? this.#server.once('close', resolve) : this.#server.close(() => resolve()),
    );
    this.#closeIdle();
    // Opened ahead of a request that has not come: for the HTTP server they are not idle.
    for (const connection of this.#connections) if (connection.bytesRead === 0) connection.destroy();
    const cutOff = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, timeoutMs);
    await closed;
    clearTimeout(cutOff);
    clearInterval(this.#timer);
  }

  /** While stopping: closes the kept-alive connections whose last request has been answered. */
  #closeIdle(): void {
    if (this.#phase === 'stopping') this.#server.closeIdleConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    setProtectiveHeaders(request, response);
    const [path] = (request.url ?? '/').split('?', 1);
    if (path === '/health/live') return answerLive(response);
    const metrics = this.#service?.metrics;
    if (path === '/metrics' && metrics !== undefined) return answerMetrics(request, response, metrics);
    if (path === '/health/ready') this.#readiness.asked();
    if (this.#service === undefined || this.#phase === 'stopping') return this.#answerNotReady(response);
    if (this.#phase === 'draining' && asksForEvents(request)) return this.#answerNotReady(response);
    // A connection that is kept would be closed sooner or later in the moment that the next request is sent. But clients take the cut of a
    // stream for its end where the connection was to be closed after it.
    if (this.#phase === 'draining' && !mayTakeEvents(request)) response.setHeader('connection', 'close');
    if (path === '/health/ready')
      return this.#phase === 'draining' ? this.#answerNotReady(response) : answerReady(response, await this.#service.health());
    if (path !== this.#options.path)
      return answerJson(response, 404, {
        error: `Nothing is at ${path}.`,
        paths: [this.#options.path, ...otherPaths, ...(metrics ? ['/metrics'] : [])],
      });
    if (!this.#options.isOwnHost(request.headers.host)) return answerJson(response, 421, { error: strangeHost }, { connection: 'close' });
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && clientRequestId.test(given) ? given : randomUUID();
    response.setHeader('x-request-id', requestId);
    const { authenticate, limits, pipeline, allowedOrigins } = this.#service;
    if (isForeign(request, allowedOrigins))
      return answerJson(response, 403, { error: 'Pages of this origin may not ask here.' }, { connection: 'close' });
    const identity = await identify(request, authenticate);
    if (identity instanceof GraphQLError) {
      allowOrigin(request, response, allowedOrigins);
      return answerError(request, response, identity);
    }
    const place = limits.takeOperation(identity?.caller ?? strangers, bytesOf(request, this.#options.maxRequestBytes));
    if (typeof place !== 'function') return answerExcess(request, response, place);
    response.once('close', place);
    cutOffWhenStuck(request, response, this.#options.slowClientMs);
    if (this.#service.admission.isShut) return answerShed(request, response, this.#service.admission.shed());
    if (request.method === 'POST') Object.assign(request, { body: await readJsonBody(request, this.#options.maxRequestBytes) });
    else checkAddress(request);
    const asked = operationOf(request);
    if (asked === undefined) return void (await pipeline(request, response, { requestId, identity }));
    const entered = await this.#service.admission.enter(this.#service.kindOf(asked));
    if (isShed(entered)) return answerShed(request, response, entered);
    response.once('close', () => entered.leave());
    if (response.destroyed) return entered.leave();
    await pipeline(request, response, { requestId, identity, place: entered });
  }

  #answerNotReady(response: ServerResponse): void {
    const status = this.#phase === 'serving' ? 'starting' : 'stopping';
    answerJson(response, 503, { status, error: `The service is ${status}.` }, { 'retry-after': '1', connection: 'close' });
  }

  #answerFault(response: ServerResponse, error: unknown): void {
    if (error instanceof BodyRefusal) {
      answerRefusedBody(response, error);
      return;
    }
    this.#options.log.error({ err: error, requestId: response.getHeader('x-request-id') }, 'a request could not be answered');
    if (response.headersSent) response.destroy();
    else answerJson(response, 500, { error: 'The service failed to answer this.' });
  }
}

/** How long a body is, or may be where that is not said; one that is too long is refused in any case. */
const bytesOf = ({ method, headers: { 'content-length': length } }: IncomingMessage, maxBytes: number): number =>
  method === 'POST' ? Math.min(Number(length ?? maxBytes), maxBytes) : 0;

/** Who makes a request, or why that is not to be known; undefined where nobody has to. */
async function identify(request: IncomingMessage, authenticate: Authenticate): Promise<Identity | GraphQLError | undefined> {
  try {
    return await authenticate(request.headers.authorization);
  } catch (error) {
    if (isForAll(request)) return undefined;
    if (error instanceof GraphQLError) return error;
    throw error;
  }
}

/** What a browser asks before a request, which has no token yet; and a page, from which people send theirs. */
const isForAll = ({ method = '', url = '', headers: { accept } }: IncomingMessage): boolean =>
  method === 'OPTIONS' || (['GET', 'HEAD'].includes(method) && accept?.includes('text/html') === true && !/[?&]query=/.test(url));

const mayTakeEvents = ({ headers: { accept } }: IncomingMessage): boolean => accept?.includes('text/event-stream') ?? false;
/** Whether a client takes nothing but a stream of events, and comes back by itself; others name it among what they could take. */
const asksForEvents = ({ headers: { accept } }: IncomingMessage): boolean => accept?.trim().startsWith('text/event-stream') ?? false;

const timeLimits = (slowClientMs: number, lookMs: number) => ({
  headersTimeout: slowClientMs,
  requestTimeout: Math.max(slowClientMs, longestRequestMs),
  connectionsCheckingInterval: lookMs,
  keepAliveTimeout: keepAliveMs,
});

/** The rest of the body may still be on its way, and would stand before the next request: so the connection ends with the answer. */
function answerRefusedBody(response: ServerResponse, { status, code, message }: BodyRefusal): void {
  answerJson(response, status, { errors: [{ message, extensions: { code } }] }, { connection: 'close' });
}

const answerExcess = (request: IncomingMessage, response: ServerResponse, excess: Excess): void =>
  answerRefusal(request, response, tooManyOperations(excess));

const answerShed = (request: IncomingMessage, response: ServerResponse, shed: Shed): void =>
  answerRefusal(request, response, overloaded(shed));

function answerRefusal(request: IncomingMessage, response: ServerResponse, error: GraphQLError): void {
  const { code, retryAfterMs } = error.extensions;
  const status = code === 'OVERLOADED' ? 503 : 429;
  answerUnread(request, response, error, { status, headers: { 'retry-after': String(Math.ceil(Number(retryAfterMs) / 1_000)) } });
}

function answerError(request: IncomingMessage, response: ServerResponse, error: GraphQLError): void {
  const { status = 500, headers = {} } = error.extensions.http ?? {};
  answerUnread(request, response, withoutHttpStatus(error), { status, headers });
}

/** Answers before the body is read. */
function answerUnread(
  request: IncomingMessage,
  response: ServerResponse,
  error: GraphQLError,
  { status, headers }: { status: number; headers: Record<string, string> },
): void {
  // Closed with a body on its way, the connection would be reset, and the answer lost: a short one is let in.
  const isShort =
    request.complete ||
    Number(request.headers['content-length'] ?? (request.method === 'POST' ? Number.POSITIVE_INFINITY : 0)) <= shortBytes;
  answerJson(response, status, { errors: [error] }, isShort ? headers : { ...headers, connection: 'close' });
}

/** What a request asks for; undefined where it is no operation: a page, or a preflight. */
function operationOf(request: IncomingMessage & { body?: object }): OperationRequest | undefined {
  if (request.body !== undefined) return request.body;
  const [, search] = request.method === 'GET' ? (request.url ?? '').split('?') : [];
  if (search === undefined) return undefined;
  const asked = new URLSearchParams(search);
  const given = ['query', 'documentId', 'operationName'].flatMap((name) => (asked.has(name) ? [[name, asked.get(name)]] : []));
  return asked.has('query') || asked.has('documentId') ? Object.fromEntries(given) : undefined;
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
