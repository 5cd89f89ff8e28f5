import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, ExecutionResult, FormattedExecutionResult, GraphQLError } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Context } from '../context.ts';
import type { Logger } from '../store/index.ts';
import { toClientError, withoutHttpStatus } from './client-errors.ts';
import type { GraphQLPipeline } from './graphql.ts';

export interface SocketsOptions {
  pipeline: GraphQLPipeline;
  path: string;
  /** Largest message, in bytes. */
  maxMessageBytes: number;
  /** Pages of these origins may open a socket, beside those of the service itself. */
  allowedOrigins: readonly string[];
  log: Logger;
}

interface Enveloped {
  execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  subscribe: (args: ExecutionArgs) => Promise<AsyncIterable<ExecutionResult> | ExecutionResult>;
}

/** GraphQL over WebSocket (graphql-transport-ws), through the same pipeline as HTTP. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #server: WebSocketServer;
  readonly #gone = new WeakMap<WebSocket, AbortController>();

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ noServer: true, maxPayload: options.maxMessageBytes });
    useServer<Record<string, unknown>, { socket: WebSocket }>(
      {
        execute: (args) => this.#answered(args, () => enveloped(args).execute(args)),
        subscribe: async (args) => requestErrorAsStream(await this.#answered(args, () => enveloped(args).subscribe(args))),
        onSubscribe: (context, _id, payload) => this.#prepare(context.extra.socket, payload),
        onError: (_context, _id, _payload, errors) => errors.map((error) => withoutHttpStatus(toClientError(error, options)).toJSON()),
        onNext: (_context, _id, _payload, _args, result) => formatted(result),
      },
      this.#server,
    );
    this.#server.on('connection', (socket: WebSocket) => {
      const gone = new AbortController();
      this.#gone.set(socket, gone);
      socket.once('close', () => gone.abort());
    });
  }

  /** How many sockets are open. */
  get size(): number {
    return this.#server.clients.size;
  }

  /** Takes over a connection that asks to become a WebSocket, or answers why not. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#options.log.debug({ err: error }, 'a connection broke off during its upgrade'));
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== this.#options.path) refuse(socket, 404, `WebSockets are served at ${this.#options.path}`);
    else if (!this.#isAllowed(request)) refuse(socket, 403, 'Pages of this origin may not open a socket here');
    else this.#server.handleUpgrade(request, socket, head, (client) => this.#server.emit('connection', client, request));
  }

  /** Closes every socket with 1001 (going away); those that have not closed by then are cut off by the HTTP server. */
  async stop(): Promise<void> {
    for (const client of this.#server.clients) client.close(1001, 'Going away');
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Cuts off what is still open. */
  terminate(): void {
    for (const client of this.#server.clients) client.terminate();
  }

  // A page of another site could otherwise talk to the service in its visitor's name. Programs send no Origin.
  #isAllowed({ headers: { origin, host } }: IncomingMessage): boolean {
    if (origin === undefined || this.#options.allowedOrigins.includes(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }

  /** Whatever goes wrong is the answer to this operation; an error that got away would close the socket with all the others on it. */
  async #answered<Result>(args: ExecutionArgs, run: () => Promise<Result>): Promise<Result | ExecutionResult> {
    try {
      return await run();
    } catch (error) {
      return { errors: [toClientError(error, args.contextValue as Context)] };
    }
  }

  async #prepare(
    socket: WebSocket,
    payload: { query: string; operationName?: string | null | undefined; variables?: Record<string, unknown> | null | undefined },
  ) {
    const requestId = randomUUID();
    const signal = this.#gone.get(socket)?.signal ?? AbortSignal.abort();
    try {
      const { schema, execute, subscribe, contextFactory, parse, validate } = this.#options.pipeline.getEnveloped({ requestId, signal });
      const document = parse(payload.query);
      const problems: readonly GraphQLError[] = validate(schema, document);
      if (problems.length > 0) return problems.map((problem) => withoutHttpStatus(toClientError(problem, { ...this.#options, requestId })));
      const contextValue: Context = await contextFactory();
      return {
        schema,
        document,
        operationName: payload.operationName,
        variableValues: payload.variables,
        contextValue,
        rootValue: { execute, subscribe },
      } as ExecutionArgs;
    } catch (error) {
      return [withoutHttpStatus(toClientError(error, { ...this.#options, requestId }))];
    }
  }
}

const enveloped = (args: ExecutionArgs): Enveloped => args.rootValue as Enveloped;

/** A subscription that could not begin is answered with an `error` message, not with data and completion. */
function requestErrorAsStream(result: AsyncIterable<ExecutionResult> | ExecutionResult): AsyncIterable<ExecutionResult> | ExecutionResult {
  if (Symbol.asyncIterator in result) return result;
  const [error] = result.errors ?? [];
  return error === undefined ? result : rejected(error);
}

function rejected(error: GraphQLError): AsyncIterable<ExecutionResult> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

/** A result whose errors are as a socket may see them; undefined when there are none, and it can be sent as it is. */
function formatted({
  errors,
  data,
  extensions,
}: {
  errors?: readonly GraphQLError[] | undefined;
  data?: FormattedExecutionResult['data'] | undefined;
  extensions?: FormattedExecutionResult['extensions'] | undefined;
}): FormattedExecutionResult | undefined {
  if (errors === undefined) return undefined;
  return {
    errors: errors.map((error) => withoutHttpStatus(error).toJSON()),
    ...(data !== undefined && { data }),
    ...(extensions && { extensions }),
  };
}

function refuse(socket: Duplex, status: number, message: string): void {
  const reason = status === 404 ? 'Not Found' : 'Forbidden';
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(message)}\r\n\r\n${message}`,
  );
}
