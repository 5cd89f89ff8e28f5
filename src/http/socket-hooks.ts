import { randomUUID } from 'node:crypto';
import { type ExecutionArgs, type ExecutionResult, GraphQLError, getOperationAST } from 'graphql';
import type { ConnectionInitMessage, ServerOptions, SubscribePayload } from 'graphql-ws';
import type { Context, Place } from '../context.ts';
import type { Logger } from '../store/index.ts';
import { type Admission, isShed, overloaded } from './admission.ts';
import { toClientError, withCode, withoutHttpStatus } from './client-errors.ts';
import type { DocumentGate } from './document-gate.ts';
import type { GraphQLPipeline } from './graphql.ts';
import { kindOfOperation } from './operation-kind.ts';
import type { OperationWatch } from './operation-watch.ts';
import type { SharedAnswers } from './shared-answers.ts';
import type { SocketConnection } from './socket-connection.ts';
import type { SocketOperation } from './socket-operations.ts';
import { SocketOutlet } from './socket-outlet.ts';
import { formatted, requestErrorAsStream, requestErrorsOf, streamOfOne } from './socket-results.ts';
import type { SocketSession } from './socket-session.ts';
import { subscribe } from './subscribe.ts';
import { Subscription } from './subscription.ts';

export interface SocketHooksOptions {
  pipeline: GraphQLPipeline;
  /** Lets operations in. */
  admission: Admission;
  gate: DocumentGate;
  /** Most that a subscription may cost. */
  maxCost: number;
  /** The answers of subscriptions. */
  answers: SharedAnswers;
  /** Told of every operation. */
  watch: OperationWatch;
  /** How long a client may take to send `connection_init`, in milliseconds. */
  initTimeoutMs: number;
  log: Logger;
}

export type SocketHooks = ServerOptions<ConnectionInitMessage['payload'], SocketSession>;

/** What travels with an operation from its preparation to its execution. */
interface Enveloped {
  /** The operation's name on its socket. */
  id: string;
  connection: SocketConnection;
  operation: SocketOperation;
  execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
}

/** How graphql-ws runs the operations of sockets: through the same pipeline as HTTP, each with errors of its own. */
export function socketHooks(options: SocketHooksOptions): SocketHooks {
  return {
    connectionInitWaitTimeout: options.initTimeoutMs,
    onConnect: ({ extra, connectionParams }) => extra.admit(connectionParams),
    onSubscribe: ({ extra }, id, payload) => prepare(extra, id, payload, options),
    execute: (args) => {
      const { operation, execute } = enveloped(args);
      return streamOfOne(
        operation.during(() => answered(args, () => execute(args))),
        () => operation.abort(),
      );
    },
    subscribe: async (args) => {
      const { id, connection, operation } = enveloped(args);
      const begun = await operation.during(() =>
        answered(args, () => options.watch.run(args, () => subscribe(args, options.answers, options.maxCost))),
      );
      if (!(begun instanceof Subscription)) return operation.hold(requestErrorAsStream(begun));
      begun.deliverTo(new SocketOutlet(connection, id));
      return operation.hold(begun);
    },
    onNext: async ({ extra }, _id, payload, _args, result) => {
      await extra.operations.turn(payload);
      return formatted(result);
    },
    onError: async ({ extra }, id, payload, errors) => {
      await extra.operations.end(id, payload);
      return requestErrorsOf(errors).map((error) => withoutHttpStatus(toClientError(error, options)).toJSON());
    },
    onComplete: ({ extra }, id, payload) => extra.operations.end(id, payload),
  };
}

/** Whatever goes wrong is the answer to this operation; an error that got away would close the socket with all the others on it. */
async function answered<Result>(args: ExecutionArgs, run: () => Promise<Result>): Promise<Result | ExecutionResult> {
  try {
    return await run();
  } catch (error) {
    return { errors: [toClientError(error, args.contextValue as Context)] };
  }
}

async function prepare(session: SocketSession, id: string, payload: SubscribePayload, options: SocketHooksOptions) {
  const { pipeline, admission, gate, watch, log } = options;
  const place = { requestId: randomUUID(), actor: session.actor, log };
  try {
    if (id.length > longestId) throw tooLongId();
    const identity = session.identity();
    const operation = session.operations.begin(id, payload, identity.caller, session.connection.messageBytes);
    return await operation.during(async () => {
      const query = gate.admit(payload, identity) ?? ''; // without a document: refused as one that is empty
      operation.place = await admitted(admission, operation, query, payload.operationName);
      const enveloped = pipeline.getEnveloped({
        ...{ requestId: place.requestId, signal: operation.signal, identity, place: operation.place, params: payload },
        traceparent: traceparentOf(payload),
      });
      const { schema, execute, contextFactory, parse, validate } = enveloped;
      const document = parse(query);
      const problems: readonly GraphQLError[] = validate(schema, document);
      if (problems.length > 0) throw problems.map((problem) => withCode(problem, 'GRAPHQL_VALIDATION_FAILED'));
      const { operationName, variables: variableValues } = payload;
      operation.isCommand = kindOf(document, operationName) === 'mutation';
      const contextValue: Context = await contextFactory();
      const rootValue: Enveloped = { id, connection: session.connection, operation, execute };
      return { schema, document, operationName, variableValues, contextValue, rootValue } as ExecutionArgs;
    });
  } catch (error) {
    // graphql-ws says nothing of an operation that its client has completed meanwhile, not even to `onError`.
    session.operations.forget(id, payload);
    const problems = Array.isArray(error) ? (error as readonly unknown[]) : [error];
    const errors = problems.map((problem) => withoutHttpStatus(toClientError(problem, place)));
    watch.answered({ errors });
    return errors;
  }
}

/** @throws GraphQLError (OVERLOADED) */
async function admitted(admission: Admission, operation: SocketOperation, query: string, operationName: unknown): Promise<Place> {
  const kind = kindOfOperation(query, operationName);
  operation.isCommand = kind === 'report' || kind === 'claim' || kind === 'submission'; // also while it waits
  const entered = await admission.enter(kind);
  if (isShed(entered)) throw overloaded(entered);
  return entered;
}

/** An operation's id goes with each of its answers, and is kept for as long as it lasts. */
const longestId = 256;
const tooLongId = (): GraphQLError =>
  new GraphQLError(`The id of an operation may have ${longestId} characters.`, { extensions: { code: 'BAD_REQUEST' } });

function kindOf(document: ExecutionArgs['document'], operationName: string | null | undefined): string {
  const operation = getOperationAST(document, operationName);
  if (operation) return operation.operation;
  const message = operationName == null ? 'Name one of the operations in operationName.' : `There is no operation "${operationName}".`;
  throw new GraphQLError(message, { extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } });
}

/** A socket has one set of headers for all of its operations: the span travels with each in its extensions. */
function traceparentOf({ extensions }: SubscribePayload): string | undefined {
  const traceparent = extensions?.['traceparent'];
  return typeof traceparent === 'string' ? traceparent : undefined;
}

const enveloped = (args: ExecutionArgs): Enveloped => args.rootValue as Enveloped;
