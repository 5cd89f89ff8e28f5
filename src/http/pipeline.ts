import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Identity } from '../auth/identity.ts';
import type { Context } from '../context.ts';
import { toClientError, withClientErrors } from './client-errors.ts';
import { checkCost, wantsCost, withCost } from './cost-limit.ts';
import type { DocumentGate } from './document-gate.ts';
import type { Documents } from './documents.ts';
import { EventOutlet } from './event-outlet.ts';
import { checkInputNesting } from './input-nesting.ts';
import type { OperationWatch } from './operation-watch.ts';
import type { SharedAnswers } from './shared-answers.ts';
import { subscribe } from './subscribe.ts';
import { Subscription } from './subscription.ts';
import { discreetRules, findProblems } from './validation.ts';

export interface OperationPipelineOptions {
  gate: DocumentGate;
  documents: Documents;
  /** Most that an operation may cost. */
  maxCost: number;
  /** Whether the schema is kept from somebody. */
  isStranger: (identity: Identity | undefined) => boolean;
  answers: SharedAnswers;
  /** Told of every operation. */
  watch: OperationWatch;
  /** After so long without an event there is a comment in a stream of events, in milliseconds. */
  keepAliveMs: number;
}

/**
 * What every operation goes through over HTTP and server-sent events: a bounded document, and errors as clients may see them. Subscriptions
 * go their own way, past the streams of the library: their answers are shared with those over WebSocket.
 */
export function operationPipeline(options: OperationPipelineOptions): Plugin<Context> {
  const { gate, documents, maxCost, isStranger, answers, watch, keepAliveMs } = options;
  const subscriptions = new WeakMap<Request, Opened>();
  return {
    // Of HTTP alone; sockets ask the gate by themselves.
    onParams({ params, setParams, request, context }) {
      const named = { documentId: idInAddress(request), ...params };
      const query = gate.admit(named, (context as Partial<Context>).identity);
      if (query !== undefined && query !== params.query) setParams({ ...params, query });
    },
    onParse({ setParseFn }) {
      setParseFn(documents.parse);
    },
    onValidate({ context, addValidationRule, setValidationFn }) {
      setValidationFn(findProblems);
      if (isStranger((context as Partial<Context>).identity)) discreetRules.forEach(addValidationRule);
    },
    onExecute({ args, executeFn, setExecuteFn }) {
      const cost = watch.checked(args, () => {
        checkInputNesting(args.schema, args.document, args.variableValues ?? {});
        return checkCost(args, maxCost);
      });
      const { params } = args.contextValue as { params?: { extensions?: unknown } };
      const execute = async (own: ExecutionArgs): Promise<ExecutionResult> => {
        const shown = withClientErrors((await executeFn(own)) as ExecutionResult, own.contextValue as Context);
        return wantsCost(params?.extensions) ? withCost(shown, cost) : shown;
      };
      setExecuteFn((own: ExecutionArgs) => watch.run(own, () => execute(own)));
    },
    onSubscribe({ args, setSubscribeFn }) {
      setSubscribeFn((own) => watch.run(own, () => subscribe(own, answers, maxCost)));
      return {
        onSubscribeError({ error, setError }) {
          setError(toClientError(error, args.contextValue));
        },
        onSubscribeResult({ result }) {
          const { contextValue: context } = args;
          if (result instanceof Subscription) subscriptions.set(context.request, { subscription: result, context });
        },
      };
    },
    onResultProcess({ request, result, resultProcessor, setResultProcessor }) {
      // What was wrong with a document is remembered by the library: the second time, nothing is parsed.
      watch.answered(result);
      const opened = subscriptions.get(request);
      if (opened === undefined) return;
      // Whoever asks for a subscription and takes no events is refused.
      if (resultProcessor === undefined) void opened.subscription.return();
      else setResultProcessor((_, { Response }) => streamOf(opened, request, keepAliveMs, Response), 'text/event-stream');
    },
  };
}

/** The library takes only what it knows from the address of a GET. */
const idInAddress = ({ method, url }: Request): string | undefined =>
  method === 'GET' && url.includes('documentId=') ? (new URL(url).searchParams.get('documentId') ?? undefined) : undefined;

interface Opened {
  subscription: Subscription;
  context: Context;
}

/**
 * The answer to a subscription: a stream of events. A browser's EventSource (GET) that comes back after the end, having seen it, is told by
 * 204 that there is nothing to come back for; it would ask again and again otherwise.
 */
function streamOf({ subscription, context }: Opened, { method }: Request, keepAliveMs: number, Answer: typeof Response): Response {
  if (method === 'GET' && context.lastEventId !== undefined && subscription.isOver) return new Answer(null, { status: 204 });
  const { stream } = new EventOutlet(subscription, { keepAliveMs, place: context });
  context.signal.addEventListener('abort', () => stream.destroy(), { once: true });
  if (context.signal.aborted) stream.destroy();
  // A stream of Node is taken as it is, and its back-pressure with it.
  return new Answer(stream as unknown as ReadableStream, { headers: streamHeaders });
}

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  'content-encoding': 'none',
  'x-accel-buffering': 'no',
};
