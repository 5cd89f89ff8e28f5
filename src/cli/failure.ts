import { ApiError } from '../client/api-error.ts';
import { StartupError } from '../startup-error.ts';
import { CursorExpiredError, RefusalError, UnavailableError } from '../store/errors.ts';
import { InterruptedError, TimeUpError, UsageError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';

/** What the process ends with after this error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.USAGE;
  if (error instanceof InterruptedError || error instanceof StartupError) return error.exitCode;
  if (error instanceof TimeUpError) return exitCodes.TIMED_OUT;
  if (error instanceof RefusalError || error instanceof CursorExpiredError) return exitCodes.REFUSED;
  if (error instanceof UnavailableError) return exitCodes.UNREACHABLE;
  if (error instanceof ApiError) return apiExitCode(error.code);
  return exitCodes.UNEXPECTED;
}

function apiExitCode(code: string): number {
  if (/^(UNAUTHENTICATED|FORBIDDEN|HTTP_401|HTTP_403|REQUEST_ENTITY_TOO_LARGE)$/.test(code)) return exitCodes.REFUSED;
  // Something else than the service answers at this address.
  return code.startsWith('HTTP_') ? exitCodes.UNREACHABLE : exitCodes.UNEXPECTED;
}

/** An error in words, and its code where it has one. Only what nobody expects shows its stack. */
export function explain(error: unknown): { text: string; code?: string } {
  if (!(error instanceof Error)) return { text: String(error) };
  const { code } = error as { code?: unknown };
  const requestId = error instanceof ApiError && error.requestId !== undefined ? ` (request ${error.requestId})` : '';
  const known = error instanceof ApiError || exitCodeOf(error) !== exitCodes.UNEXPECTED;
  const text = known ? `${error.message}${requestId}` : (error.stack ?? error.message);
  return { text, ...(typeof code === 'string' && { code }) };
}
