import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute, GraphQLError } from 'graphql';
import { type Context, freshContext } from '../context.ts';
import { checkInputNesting } from './input-nesting.ts';

/**
 * Runs a subscription. Each event is executed with a context of its own, or the loaders would answer it with what they read for an
 * earlier one (hayes/pothos#1421). Unlike a generator, the stream lets go of its source at once when it is returned, also in the
 * middle of waiting for the next event.
 */
export async function subscribe(args: ExecutionArgs): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult> {
  checkInputNesting(args.schema, args.document, args.variableValues ?? {});
  const source = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in source)) return source;
  const events = source[Symbol.asyncIterator]();
  const executed = async (next: IteratorResult<unknown>): Promise<IteratorResult<ExecutionResult>> =>
    next.done
      ? { done: true, value: undefined }
      : { done: false, value: await execute({ ...args, rootValue: next.value, contextValue: freshContext(args.contextValue as Context) }) };
  const stream: AsyncIterableIterator<ExecutionResult> = {
    next: async () => executed(await orRequestError(events.next())),
    return: async () => {
      await events.return?.();
      return { done: true, value: undefined };
    },
    throw: async (error) => {
      await events.return?.();
      throw error;
    },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}

// A source that breaks off ends the stream with an error; as a GraphQLError it keeps its cause on the way through the transports.
const orRequestError = <T>(next: Promise<T>): Promise<T> =>
  next.catch((error: unknown) => {
    throw error instanceof GraphQLError || !(error instanceof Error) ? error : new GraphQLError(error.message, { originalError: error });
  });
