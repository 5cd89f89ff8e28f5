import { InvalidInputError, NotFoundError, UnavailableError } from '../store/errors.ts';

/** The service answered with an error that has no class of its own: a fault of the service, a document that it does not understand. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** `extensions.code` of the answer, or `HTTP_<status>` where there was none. */
  readonly code: string;
  /** By which the operators of the service find it in their log. */
  readonly requestId: string | undefined;

  constructor(code: string, message: string, requestId?: string) {
    super(message);
    this.code = code;
    this.requestId = requestId;
  }
}

/** An error of a GraphQL answer. */
export interface AnswerError {
  message: string;
  extensions?: Record<string, unknown>;
}

const defaultRetryMs = 1_000;

/** A top-level error of an answer, as an error of the store where the store has one for it. */
export function errorOf({ message, extensions = {} }: AnswerError, asked: { assessmentId?: unknown }): Error {
  const { code, retryAfterMs, requestId } = extensions;
  switch (code) {
    case 'BAD_USER_INPUT':
    case 'INVALID_INPUT':
      return new InvalidInputError(fieldsOf(message, extensions));
    case 'NOT_FOUND':
      return new NotFoundError(String(asked.assessmentId ?? ''));
    case 'OVERLOADED':
    case 'TIMEOUT':
      return new UnavailableError(code, message, typeof retryAfterMs === 'number' ? retryAfterMs : defaultRetryMs);
    case 'RATE_LIMITED':
      return new UnavailableError('OVERLOADED', message, typeof retryAfterMs === 'number' ? retryAfterMs : defaultRetryMs);
    default:
      return new ApiError(String(code ?? 'UNKNOWN'), message, typeof requestId === 'string' ? requestId : undefined);
  }
}

function fieldsOf(message: string, { fields, argument }: Record<string, unknown>): { path: string[]; message: string }[] {
  if (Array.isArray(fields) && fields.length > 0) return fields as { path: string[]; message: string }[];
  return [{ path: [typeof argument === 'string' ? argument : 'input'], message }];
}

/** The service could not be reached, or broke off; it may have carried out what was asked. */
export function unreachable(url: string, error: unknown): UnavailableError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code, message } = Object(cause) as { code?: unknown; message?: unknown };
  return new UnavailableError('OVERLOADED', `the service at ${url} does not answer (${String(code ?? message)})`, defaultRetryMs, {
    cause: error,
  });
}
