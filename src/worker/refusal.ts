const refusalCodes = ['NOT_FOUND', 'ALREADY_EXISTS', 'INVALID_TRANSITION', 'VERSION_CONFLICT', 'CLAIM_LOST'];

// By code and not by class: errors of a client that was loaded from elsewhere count too.
const codeOf = (error: unknown): unknown => (Object(error) as { code?: unknown }).code;

/** Whether the content of the report is what the service refuses. */
export const isUnacceptable = (error: unknown): boolean =>
  codeOf(error) === 'INVALID_INPUT' || codeOf(error) === 'REQUEST_ENTITY_TOO_LARGE';

/** Whether the service has decided, so that the same report again would be answered the same. */
export const isRefusal = (error: unknown): boolean => refusalCodes.includes(codeOf(error) as string) || isUnacceptable(error);

/**
 * Whether a refusal names no field that is wrong. In a batch, an assessment that somebody else holds locked is refused like this, and so is a
 * value that only the database refuses: the same again may pass, or may not.
 */
export function isUnclear(error: unknown): boolean {
  const { fields } = Object(error) as { fields?: unknown };
  return codeOf(error) === 'INVALID_INPUT' && Array.isArray(fields) && fields.every(({ path }) => path.length === 0);
}

/** Whether a refusal says that the assessment was cancelled. */
export const isCancellation = (error: unknown): boolean =>
  (Object(error) as { assessment?: { state?: unknown } }).assessment?.state === 'CANCELLED';
