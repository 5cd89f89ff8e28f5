import { CursorExpiredError, InvalidInputError, NotFoundError, UnavailableError } from '../store/errors.ts';

/** The service answered with an error that has no class of its own: a fault of the service, a token that it does not accept, an answer that is none. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** `extensions.code` of the answer; `UNAUTHENTICATED`, `FORBIDDEN` or `HTTP_<status>` where it had none; `BAD_ANSWER` for what is no answer of this service. */
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
  message?: unknown;
  extensions?: unknown;
}

/** What is known of an UnavailableError beside what its caller sees. */
interface Circumstances {
  /** It is certain that nothing was done. */
  untouched: boolean;
  /** When the service itself asked to come again. */
  retryAfterMs: number | undefined;
}

const circumstances = new WeakMap<Error, Circumstances>();

/** What is known of an error that says that the service is away. */
export const circumstancesOf = (error: Error): Circumstances => circumstances.get(error) ?? { untouched: false, retryAfterMs: undefined };

const defaultRetryMs = 1_000;

/** A failure to get an answer. `untouched`: whether it is certain that nothing was done; `retryAfterMs`: what the service asked for. */
export function unavailable(
  code: UnavailableError['code'],
  message: string,
  { untouched = false, retryAfterMs, cause }: Partial<Circumstances> & { cause?: unknown } = {},
): UnavailableError {
  const error = new UnavailableError(code, message, retryAfterMs ?? defaultRetryMs, cause === undefined ? undefined : { cause });
  circumstances.set(error, { untouched, retryAfterMs });
  return error;
}

/** The top-level errors of an answer, as an error of the store where the store has one for the first. `asked`: the variables. */
export function errorOf(errors: readonly AnswerError[], asked: { assessmentId?: unknown }): Error {
  const message = String(Object(errors[0]).message);
  const extensions = extensionsOf(errors[0]);
  const { code, limit, requestId } = extensions;
  const retryAfterMs = Number.isFinite(extensions['retryAfterMs']) ? Number(extensions['retryAfterMs']) : undefined;
  switch (code) {
    case 'BAD_USER_INPUT':
    case 'INVALID_INPUT':
      return invalidInput(errors, message);
    case 'NOT_FOUND':
      return new NotFoundError(String(asked.assessmentId ?? ''));
    case 'CURSOR_EXPIRED':
      return Object.assign(new CursorExpiredError(), { message });
    case 'OVERLOADED':
    case 'TIMEOUT':
      return unavailable(code, message, { retryAfterMs, untouched: limit !== undefined });
    case 'RATE_LIMITED':
      return unavailable('OVERLOADED', message, { retryAfterMs, untouched: true });
    default:
      return new ApiError(typeof code === 'string' ? code : 'UNKNOWN', message, typeof requestId === 'string' ? requestId : undefined);
  }
}

const extensionsOf = (error: AnswerError | undefined): Record<string, unknown> => Object(Object(error).extensions);

/** GraphQL tells of each value that it does not take by an error of its own. */
function invalidInput(errors: readonly AnswerError[], message: string): InvalidInputError {
  const ofInput = errors.filter((error) => ['BAD_USER_INPUT', 'INVALID_INPUT'].includes(String(extensionsOf(error)['code'])));
  const error = new InvalidInputError(ofInput.flatMap((one) => fieldsOf(String(one.message), extensionsOf(one))));
  return ofInput.length > 1 ? error : Object.assign(error, { message });
}

/** Where a value stands that GraphQL does not take: `at "input.updates[3].progress"`, or the variable as a whole. */
const place = /^Variable "\$(\w+)"(?:.*? at "([^"]+)")?/s;
/** A field that is too much, or missing, is told of at the place of what it is in. */
const fieldInPlace = /; Field "(\w+)" (?:is not defined by type|of required type)/;

function fieldsOf(message: string, { fields, argument }: Record<string, unknown>): InvalidInputError['fields'] {
  const sent = Array.isArray(fields) ? (fields as unknown[]).filter(isField) : [];
  if (sent.length > 0) return sent.map(({ path, message }) => ({ path: path.map(String), message }));
  if (typeof argument === 'string') return [{ path: [argument], message }];
  const [, variable = 'input', at = variable] = place.exec(message) ?? [];
  const [, field] = fieldInPlace.exec(message) ?? [];
  const path = [...at.split(/[.[\]]+/).filter((part) => part !== ''), ...(field === undefined ? [] : [field])];
  return [{ path: path[0] === 'input' ? path.slice(1) : path, message }];
}

const isField = (value: unknown): value is { path: unknown[]; message: string } =>
  Array.isArray(Object(value).path) && typeof Object(value).message === 'string';

/** The codes with which Node says that a connection could not be made: nothing was sent. Browsers do not tell. */
const refusedCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** The service could not be reached, or broke off; it may have carried out what was asked, unless no connection could be made. */
export function unreachable(url: string, error: unknown): UnavailableError {
  const inner: unknown = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code, reason, message } = Object(inner) as { code?: unknown; reason?: unknown; message?: unknown };
  const why = [code, reason || message].filter(Boolean).join(': ');
  const untouched = refusedCodes.includes(String(code));
  return unavailable('OVERLOADED', `the service at ${url} does not answer (${why})`, { untouched, cause: error });
}

/** With these statuses a request was not even begun: it came too slowly, too early, or too often. */
export const isTurnedAway = (status: number): boolean => [408, 425, 429].includes(status);

/** Whether a request that was answered with this HTTP status may have better luck later. */
export const isPassingStatus = (status: number): boolean => status >= 500 || isTurnedAway(status);

/** What came is nothing that this service answers. */
export const badAnswer = (url: string, what: string): ApiError => new ApiError('BAD_ANSWER', `the answer of ${url} ${what}`);

/** Reads an answer. @throws what the reading throws; ApiError (BAD_ANSWER) where the answer is not what was asked for */
export function readAnswer<Result>(url: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw error instanceof TypeError ? badAnswer(url, `is not what was asked for (${error.message})`) : error;
  }
}

/** Whether the service does not know who asks. */
export const isUnauthenticated = (error: unknown): boolean => error instanceof ApiError && error.code === 'UNAUTHENTICATED';
