import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, ExecutionResult, FormattedExecutionResult, GraphQLError } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Context } from '../context.ts';
import type { Logger } from '../store/index.ts';
import { batchSends } from './batch-sends.ts';
import { toClientError, withoutHttpStatus } from './client-errors.ts';
import type { GraphQLPipeline } from './graphql.ts';
import { type SocketOperation, SocketOperations } from './socket-operations.ts';

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
  operation: SocketOperation;
  execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  subscribe: (args: ExecutionArgs) => Promise<AsyncIterable<ExecutionResult> | ExecutionResult>;
}

/** GraphQL over WebSocket (graphql-transport-ws), through the same pipeline as HTTP. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #server: WebSocketServer;
  readonly #operations = new SocketOperations();

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ noServer: true, maxPayload: options.maxMessageBytes });
    useServer(
      {
        execute: (args) =>
          streamOfOne(
            this.#answered(args, () => enveloped(args).execute(args)),
            () => enveloped(args).operation.abort(),
          ),
        subscribe: async (args) =>
          enveloped(args).operation.hold(requestErrorAsStream(await this.#answered(args, () => enveloped(args).subscribe(args)))),
        onSubscribe: (context, id, payload) => this.#prepare(payload, this.#operations.begin(context, id, payload)),
        onError: async (context, id, payload, errors) => {
          await this.#operations.end(context, id, payload);
          return requestErrorsOf(errors).map((error) => withoutHttpStatus(toClientError(error, options)).toJSON());
        },
        onNext: async (_context, _id, payload, _args, result) => {
          await this.#operations.turn(payload);
          return formatted(result);
        },
        onComplete: (context, id, payload) => this.#operations.end(context, id, payload),
      },
      this.#server,
    );
    // graphql-ws would write what a client did wrong, such as too large a message, to the console. ws closes the socket by itself.
    this.#server.on('connection', (client) =>
      client.removeAllListeners('error').on('error', (error) => options.log.debug({ err: error }, 'a socket broke off')),
    );
  }

  /** Takes over a connection that asks to become a WebSocket, or answers why not. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#options.log.debug({ err: error }, 'a connection broke off during its upgrade'));
    // Not by `new URL`: it throws on what a client may well send, such as `//`.
    const [path] = (request.url ?? '/').split('?', 1);
    if (path !== this.#options.path) refuse(socket, 404, `WebSockets are served at ${this.#options.path}`);
    else if (!this.#isAllowed(request)) refuse(socket, 403, 'Pages of this origin may not open a socket here');
    else this.#server.handleUpgrade(request, socket, head, (client) => this.#begin(client, socket, request));
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

  #begin(client: WebSocket, stream: Duplex, request: IncomingMessage): void {
    batchSends(client, stream);
    this.#server.emit('connection', client, request);
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

  async #prepare(payload: SubscribePayload, operation: SocketOperation) {
    const requestId = randomUUID();
    try {
      const { schema, execute, subscribe, contextFactory, parse, validate } = this.#options.pipeline.getEnveloped({
        requestId,
        signal: operation.signal,
      });
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
        rootValue: { execute, subscribe, operation },
      } as ExecutionArgs;
    } catch (error) {
      return [withoutHttpStatus(toClientError(error, { ...this.#options, requestId }))];
    }
  }
}

const enveloped = (args: ExecutionArgs): Enveloped => args.rootValue as Enveloped;

/**
 * The result of a query or mutation as a stream of one: only streams are told by graphql-ws that the client has completed the
 * operation or is gone, and a query that waits for an assessment must not go on then.
 */
function streamOfOne(result: Promise<ExecutionResult>, abort: () => void): AsyncIterableIterator<ExecutionResult> {
  const done = { done: true as const, value: undefined };
  let end = (): void => {};
  const ended = new Promise<typeof done>((resolve) => {
    end = () => resolve(done);
  });
  const first = Promise.race([result.then(orRequestError), ended]);
  first.catch(() => {}); // nobody may be reading any more
  let taken = false;
  const stream: AsyncIterableIterator<ExecutionResult> = {
    next: () => {
      if (taken) return Promise.resolve(done);
      taken = true;
      return first;
    },
    return: () => {
      end();
      abort();
      return Promise.resolve(done);
    },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}

function orRequestError(value: ExecutionResult): IteratorYieldResult<ExecutionResult> {
  if (isRequestError(value)) throw new RequestError(value.errors ?? []);
  return { done: false, value };
}

/** An operation that could not begin, with all that was wrong with it: answered with an `error` message, not with data and completion. */
class RequestError extends Error {
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message);
    this.errors = errors;
  }
}

const isRequestError = ({ data, errors }: ExecutionResult): boolean => data === undefined && errors !== undefined;

function requestErrorAsStream(result: AsyncIterable<ExecutionResult> | ExecutionResult): AsyncIterable<ExecutionResult> | ExecutionResult {
  if (Symbol.asyncIterator in result || !isRequestError(result)) return result;
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new RequestError(result.errors ?? [])) }) };
}

/** The errors of an `error` message; graphql-ws hands on what a stream threw as one error. */
function requestErrorsOf(errors: readonly GraphQLError[]): readonly GraphQLError[] {
  const original = errors[0]?.originalError;
  return original instanceof RequestError ? original.errors : errors;
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
  // The HTTP server no longer looks after this connection: left half open by its client, it would stay for ever.
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(message)}\r\n\r\n${message}`,
  );
}
