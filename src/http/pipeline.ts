import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../context.ts';
import { toClientError } from './client-errors.ts';
import { parseWithinLimits } from './document-limits.ts';
import { checkInputNesting } from './input-nesting.ts';
import { subscribe } from './subscribe.ts';

/**
 * What every operation goes through, over HTTP, server-sent events and WebSocket alike: a bounded document, errors as clients may see
 * them, and a context of its own for each event of a subscription.
 */
export const operationPipeline: Plugin<Context> = {
  onParse({ setParseFn }) {
    setParseFn(parseWithinLimits);
  },
  onExecute({ args }) {
    checkInputNesting(args.schema, args.document, args.variableValues ?? {});
    return {
      onExecuteDone({ result, setResult }) {
        if (!(Symbol.asyncIterator in Object(result))) setResult(withClientErrors(result as ExecutionResult, args.contextValue));
      },
    };
  },
  onSubscribe({ args, setSubscribeFn }) {
    setSubscribeFn(subscribe);
    return {
      onSubscribeError({ error, setError }) {
        setError(toClientError(error, args.contextValue));
      },
      onSubscribeResult({ result, setResult }) {
        if (!(Symbol.asyncIterator in Object(result))) setResult(withClientErrors(result as ExecutionResult, args.contextValue));
        return {
          onNext({ result: event, setResult: setEvent }) {
            setEvent(withClientErrors(event, args.contextValue));
          },
        };
      },
    };
  },
};

function withClientErrors(result: ExecutionResult, context: Context): ExecutionResult {
  if (result.errors === undefined) return result;
  return { ...result, errors: result.errors.map((error: GraphQLError) => toClientError(error, context)) };
}
