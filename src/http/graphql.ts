import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import type { GraphQLSchema } from 'graphql';
import { createYoga, type YogaServerInstance } from 'graphql-yoga';
import type { Context } from '../context.ts';
import type { Logger } from '../store/index.ts';
import { toClientError } from './client-errors.ts';
import { exampleTabs } from './graphiql-examples.ts';
import { operationPipeline } from './pipeline.ts';

/** What the transports hand to the pipeline with each operation. */
export interface Operation {
  requestId: string;
  /** Aborted when the client is gone. Over HTTP it is the request's own. */
  signal?: AbortSignal;
}

export interface GraphQLOptions {
  schema: GraphQLSchema;
  contextOf: (operation: Required<Operation>) => Context;
  path: string;
  /** Pages of these origins may call the API from a browser; others of the same origin only. */
  allowedOrigins: readonly string[];
  graphiql: boolean;
  log: Logger;
}

export type GraphQLPipeline = YogaServerInstance<Operation, Context>;

/** The GraphQL pipeline; it answers HTTP and server-sent events by itself, and sockets through `getEnveloped`. */
export const createPipeline = ({ schema, contextOf, path, allowedOrigins, graphiql, log }: GraphQLOptions): GraphQLPipeline =>
  createYoga<Operation, Context>({
    schema,
    graphqlEndpoint: path,
    context: ({ requestId, signal, request }) => contextOf({ requestId, signal: signal ?? request.signal }),
    plugins: [operationPipeline],
    maskedErrors: { maskError: (error) => toClientError(error, { log }) },
    logging: false,
    multipart: false,
    maxRequestBodySize: false, // the HTTP server has read the body, within its limit
    cors: allowedOrigins.length > 0 ? { origin: [...allowedOrigins], credentials: true, exposedHeaders: ['x-request-id'] } : false,
    landingPage: false,
    healthCheckEndpoint: '/health/graphql',
    graphiql: graphiql && {
      title: 'AssessmentStore',
      subscriptionsProtocol: 'WS',
      defaultTabs: exampleTabs,
    },
    renderGraphiQL,
  });
