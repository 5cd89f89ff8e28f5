import { isDriverAdapterError } from '@prisma/driver-adapter-utils';

/** What the system says when there is no way to a server. */
const noWay = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ETIMEDOUT'];
const kinds = ['DatabaseNotReachable', 'SocketTimeout', 'TooManyConnections', 'TlsConnectionError'];
/** The server starts or stops (57P03), or has no room for a connection (53300). */
const states = ['57P03', '53300'];
const silence = /timeout exceeded when trying to connect|due to connection timeout|Query read timeout/;

/** Whether the system has found no way to the server; `localhost` is two addresses, with an error that holds those of both. */
export const isNoWay = (error: unknown): boolean => noWay.includes(String(Object(error).code));

/**
 * Whether the database could not be got at, as its driver says it: no connection was made, or nothing at all came over one in time. One that broke
 * off is not among them (see `isBreak`): the next may be made at once. Nor is a statement that the server ended because it took too long.
 */
export function isOutOfReach(error: unknown): boolean {
  if (!isDriverAdapterError(error)) return isNoWay(error) || silence.test(error instanceof Error ? error.message : '');
  const { kind, originalCode } = error.cause;
  return kinds.includes(kind) || states.includes(originalCode ?? '');
}

/** Whether a connection broke off, be it with a word of the server's (57P01, 57P02). */
export function isBreak(error: unknown): boolean {
  if (!isDriverAdapterError(error)) return error instanceof Error && /^Connection terminated unexpectedly/.test(error.message);
  return error.cause.kind === 'ConnectionClosed' || /^57P0[12]$/.test(error.cause.originalCode ?? '');
}

/** Whether the server itself has answered, be it with a refusal; not one that stops, starts, or takes no connection. */
export const isAnswer = (error: unknown): boolean =>
  isDriverAdapterError(error) && error.cause.originalCode !== undefined && !/^(57P|53)/.test(error.cause.originalCode);
