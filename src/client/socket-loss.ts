import { ApiError, badAnswer, isPassingStatus, unreachable } from './api-error.ts';

/** Why there is no socket, or none any more. */
export interface Loss {
  /** As whoever reads is told. */
  error: unknown;
  /** Whether another try makes sense. */
  isPassing: boolean;
  /** With which the socket was closed; undefined when it was not. */
  code?: number;
}

/** How a socket was closed, and the error that it told of before. */
export interface Closed {
  code: number;
  reason: string;
  /** Of the error event; browsers say nothing in it. */
  fault: unknown;
}

/** Of WebSocket: what this side says or asks for is not taken, and will not be. */
const refusals = [1002, 1003, 1007, 1008, 1009, 1010];
/** Those from 4400 to 4429 say of the client what the HTTP statuses from 400 on say; these two may pass. */
const timedOut = 4408;
const slowClient = 4420;

/** Whether a socket that was closed with this code may be opened again with better luck. */
function mayPass(code: number): boolean {
  const isClientsFault = code >= 4400 && code < 4430 && code !== timedOut && code !== slowClient;
  return !isClientsFault && !refusals.includes(code);
}

/** A socket of the service at `url` was closed, or could not be opened. */
export function lossOf({ code, reason, fault }: Closed, url: string): Loss {
  const status = statusOf(fault);
  const isPassing = Number.isNaN(status) ? mayPass(code) : isPassingStatus(status);
  if (isPassing) return { error: unreachable(url, causeOf(fault) ?? { code, reason }), isPassing, code };
  const message = `the service at ${url} lets no socket be opened (${[status || code, reason].filter(Boolean).join(': ')})`;
  return { error: new ApiError(nameOf(code, status), message), isPassing, code };
}

function nameOf(code: number, status: number): string {
  // By 4403 servers of graphql-transport-ws refuse `connection_init`: the token is not good, or not any more.
  if (code === 4401 || code === 4403 || status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'FORBIDDEN';
  return status > 0 ? `HTTP_${status}` : `SOCKET_${code}`;
}

/** The HTTP status by which a socket was refused, which only `ws` tells; NaN otherwise. */
const statusOf = (fault: unknown): number =>
  Number(/^Unexpected server response: (\d{3})$/.exec(String(Object(fault).message))?.[1] ?? Number.NaN);

/** What an error event says; undefined when it is silent. */
function causeOf(fault: unknown): unknown {
  const { error, message } = Object(fault) as { error?: unknown; message?: unknown };
  return error ?? (message ? { message } : undefined);
}

/** What came on a socket is no message of the protocol. */
export const notAMessage = (url: string, problem: unknown): Loss => ({
  error: badAnswer(url, `is no message of graphql-transport-ws (${problem instanceof Error ? problem.message : String(problem)})`),
  isPassing: false,
});
