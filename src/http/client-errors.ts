import { type ExecutionResult, GraphQLError } from 'graphql';
import {
  type Actor,
  CursorExpiredError,
  InvalidInputError,
  isDatabaseAway,
  isNotSent,
  isStatementTimeout,
  type Logger,
  RefusalError,
  UnavailableError,
} from '../store/index.ts';

/** Which request an error belongs to, for the log. */
export interface ErrorPlace {
  requestId?: string | undefined;
  /** Who asked. */
  actor?: Actor | undefined;
  log: Logger;
}

const told = new WeakSet<object>();

/**
 * An error as a client may see it. A mistake of the client, and a refusal of the store, say what was wrong and carry a code; anything
 * else is a fault of the service: it is logged with the request id, and the client is told that id and nothing more.
 */
export function toClientError(error: unknown, place: ErrorPlace): GraphQLError {
  if (error instanceof GraphQLError && told.has(error)) return error;
  const cause = causeOf(error);
  const answer = cause instanceof GraphQLError ? ownError(error as GraphQLError) : (refusal(cause, error) ?? fault(cause, error, place));
  told.add(answer);
  return answer;
}

/** A result whose errors are as a client may see them. */
export const withClientErrors = (result: ExecutionResult, place: ErrorPlace): ExecutionResult =>
  result.errors === undefined ? result : { ...result, errors: result.errors.map((error) => toClientError(error, place)) };

/** The error that a resolver threw, without what was wrapped around it on the way; a GraphQLError when it is graphql's own. */
function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function ownError(error: GraphQLError): GraphQLError {
  const code = error.extensions['code'] ?? (/^(Variable "\$|Argument ")/.test(error.message) ? 'BAD_USER_INPUT' : undefined);
  return code === undefined ? error : rebuilt(error, error.message, { ...error.extensions, code });
}

function refusal(cause: unknown, error: unknown): GraphQLError | undefined {
  if (cause instanceof InvalidInputError) {
    return rebuilt(error, cause.message, { code: 'BAD_USER_INPUT', argument: cause.fields[0]?.path[0] ?? null, fields: cause.fields });
  }
  if (cause instanceof CursorExpiredError) return rebuilt(error, cause.message, { code: cause.code, argument: 'after' });
  if (cause instanceof RefusalError) return rebuilt(error, cause.message, { code: cause.code });
  if (cause instanceof UnavailableError) return rebuilt(error, cause.message, { code: cause.code, retryAfterMs: cause.retryAfterMs });
  return undefined;
}

function fault(cause: unknown, error: unknown, { requestId, actor, log }: ErrorPlace): GraphQLError {
  const path = error instanceof GraphQLError ? error.path?.join('.') : undefined;
  const who = { requestId, tenant: actor?.tenantId, subject: actor?.subject };
  if (cause instanceof Error && cause.name === 'AbortError') log.debug({ ...who, path }, 'a client went away before it was answered');
  // One for each request, as long as the database is away: what matters of that has been logged once.
  else if (isNotSent(cause)) log.debug({ err: cause, ...who, path }, 'a request needs the database, which is away');
  else log.error({ err: cause, ...who, path }, 'a request failed for a reason that is not its own');
  if (isStatementTimeout(cause))
    return rebuilt(error, 'The database did not answer in time.', { code: 'TIMEOUT', retryAfterMs: 1_000, requestId });
  if (isDatabaseAway(cause))
    return rebuilt(error, isNotSent(cause) ? String(Object(cause).message) : 'The database cannot be reached right now.', {
      code: 'OVERLOADED',
      retryAfterMs: 1_000,
      requestId,
    });
  return rebuilt(error, 'The service failed to answer this. Its operators find the reason in the log under the request id.', {
    code: 'INTERNAL',
    requestId,
  });
}

function rebuilt(error: unknown, message: string, extensions: Record<string, unknown>): GraphQLError {
  if (!(error instanceof GraphQLError)) return new GraphQLError(message, { extensions });
  const { nodes = null, source = null, positions = null, path = null } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** The error with this code, unless it has one of its own. */
export const withCode = (error: GraphQLError, code: string): GraphQLError =>
  error.extensions['code'] === undefined ? rebuilt(error, error.message, { ...error.extensions, code }) : error;

/** The error as a message of a socket: without the HTTP status that it carries for the other transport. */
export function withoutHttpStatus(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions;
  return http === undefined ? error : rebuilt(error, error.message, extensions);
}
