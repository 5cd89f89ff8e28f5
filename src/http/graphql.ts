import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import type { GraphQLSchema } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { createYoga, type YogaServerInstance } from 'graphql-yoga';
import type { Identity } from '../auth/identity.ts';
import { noToken } from '../auth/refusals.ts';
import type { Context, Place } from '../context.ts';
import type { Logger } from '../store/index.ts';
import { toClientError } from './client-errors.ts';
import { exampleTabs } from './graphiql-examples.ts';
import { leavePlaces } from './leave-places.ts';
import { type OperationPipelineOptions, operationPipeline } from './pipeline.ts';

/** What the transports hand to the pipeline with each operation. */
export interface Operation {
  requestId: string;
  /** Who asks. Undefined only for what is no operation: the page of GraphiQL, and what browsers ask before a request. */
  identity: Identity | undefined;
  /** Aborted when the client is gone. Over HTTP it is the request's own. */
  signal?: AbortSignal;
  /** Where it is worked on. */
  place?: Place | undefined;
  /** The client's span (W3C trace context). Over HTTP it is in the headers. */
  traceparent?: string | undefined;
  /** What was asked for over a socket; over HTTP it is read from the request. */
  params?: SubscribePayload;
}

/** What a context is made of. */
export type ContextOf = (
  operation: Pick<Context, 'requestId' | 'signal' | 'identity' | 'lastEventId' | 'traceparent' | 'place'>,
) => Context;

export interface GraphQLOptions extends OperationPipelineOptions {
  schema: GraphQLSchema;
  contextOf: ContextOf;
  path: string;
  /** Pages of these origins may call the API from a browser; others of the same origin only. */
  allowedOrigins: readonly string[];
  /** How GraphiQL gets subscriptions, where there is GraphiQL: over sockets it cannot send a token. */
  graphiql: false | 'WS' | 'SSE';
  log: Logger;
}

export type GraphQLPipeline = YogaServerInstance<Operation, Context>;

/** The GraphQL pipeline; it answers HTTP and server-sent events by itself, and sockets through `getEnveloped`. */
export const createPipeline = ({
  schema,
  contextOf,
  path,
  allowedOrigins,
  graphiql,
  log,
  ...operations
}: GraphQLOptions): GraphQLPipeline =>
  createYoga<Operation, Context>({
    schema,
    graphqlEndpoint: path,
    // A socket has no request of its own for each operation.
    context: ({ requestId, signal, identity, traceparent, place, request }: Operation & { request?: Request }) => {
      if (identity === undefined) throw noToken();
      return contextOf({
        requestId,
        identity,
        place,
        signal: signal ?? (request as Request).signal,
        traceparent: traceparent ?? request?.headers.get('traceparent') ?? undefined,
        lastEventId: request?.headers.get('last-event-id') || undefined,
      });
    },
    plugins: [operationPipeline(operations), leavePlaces],
    maskedErrors: { maskError: (error) => toClientError(error, { log }) },
    logging: false,
    multipart: false,
    extraParamNames: ['documentId'],
    // Documents are kept by `Documents`, within limits of their own; what is known of one goes with it.
    parserAndValidationCache: { documentCache: notKept, errorCache: notKept },
    maxRequestBodySize: false, // the HTTP server has read the body, within its limit
    cors: allowedOrigins.length > 0 ? { origin: [...allowedOrigins], credentials: true, exposedHeaders: ['x-request-id'] } : false,
    landingPage: false,
    healthCheckEndpoint: '/health/graphql',
    graphiql: graphiql && {
      title: 'AssessmentStore',
      subscriptionsProtocol: graphiql,
      defaultTabs: exampleTabs,
    },
    renderGraphiQL,
  });

const notKept = { get: () => undefined, set: () => {} };
