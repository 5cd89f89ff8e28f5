import type { ExecutionResult, FormattedExecutionResult, GraphQLError } from 'graphql';
import { withoutHttpStatus } from './client-errors.ts';

/**
 * The result of a query or mutation as a stream of one: only streams are told by graphql-ws that the client has completed the
 * operation or is gone, and a query that waits for an assessment must not go on then.
 */
export function streamOfOne(result: Promise<ExecutionResult>, abort: () => void): AsyncIterableIterator<ExecutionResult> {
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

/** The answer to a subscription: its stream, or one that ends at once with what kept it from beginning. */
export function requestErrorAsStream(
  result: AsyncIterable<ExecutionResult> | ExecutionResult,
): AsyncIterable<ExecutionResult> | ExecutionResult {
  if (Symbol.asyncIterator in result || !isRequestError(result)) return result;
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new RequestError(result.errors ?? [])) }) };
}

/** The errors of an `error` message; graphql-ws hands on what a stream threw as one error. */
export function requestErrorsOf(errors: readonly GraphQLError[]): readonly GraphQLError[] {
  const original = errors[0]?.originalError;
  return original instanceof RequestError ? original.errors : errors;
}

/** A result whose errors are as a socket may see them; undefined when there are none, and it can be sent as it is. */
export function formatted({
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

/** An operation that could not begin, with all that was wrong with it: answered with an `error` message, not with data and completion. */
class RequestError extends Error {
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message);
    this.errors = errors;
  }
}

function orRequestError(value: ExecutionResult): IteratorYieldResult<ExecutionResult> {
  if (isRequestError(value)) throw new RequestError(value.errors ?? []);
  return { done: false, value };
}

const isRequestError = ({ data, errors }: ExecutionResult): boolean => data === undefined && errors !== undefined;
