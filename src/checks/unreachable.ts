import { maxHeaderSize } from 'node:http';
import { CheckError, UnreachableError } from './check-error.ts';
import { placeOf } from './place.ts';

/** The code of the failure behind an error of a check, such as ECONNREFUSED; empty where there is none. */
export const causeOf = ({ cause }: Error): string => (cause as NodeJS.ErrnoException | undefined)?.code ?? '';

/** Whether a code says that the other end answers, but not with the TLS that was offered. */
export const isTlsFailure = (code: string): boolean => code === 'EPROTO' || code.startsWith('ERR_SSL');

/** The error that says why a connection or a request failed. */
export function asCheckError(error: unknown, url: URL, limitMs: number): CheckError {
  if (error instanceof CheckError) return error;
  return new UnreachableError(whyUnreachable(error, url, limitMs), { cause: error });
}

/** Why a connection or a request failed, as a sentence; `limitMs` is how long it was waited for. */
export function whyUnreachable(error: unknown, url: URL, limitMs: number): string {
  const { name, code = '', message } = error as NodeJS.ErrnoException;
  const place = placeOf(url);
  if (name === 'AbortError' || code === 'ETIMEDOUT') return `${place} did not answer within ${limitMs / 1_000} s`;
  if (code === 'HPE_HEADER_OVERFLOW') return `${place} answers with headers that are larger than ${maxHeaderSize} bytes`;
  if (code.startsWith('HPE_')) return `${place} answers, but not with HTTP${url.protocol === 'http:' ? '; perhaps it wants https://' : ''}`;
  if (isTlsFailure(code)) return `${place} answers, but no TLS connection came about; perhaps it wants http://`;
  return reasons[code]?.(place, url.hostname) ?? `${place} can't be reached: ${message || code}`;
}

const reasons: Record<string, (place: string, host: string) => string> = {
  ECONNREFUSED: (place) => `${place} refused the connection: nothing listens on that port`,
  ENOTFOUND: (_, host) => `the name ${host} was not found in the DNS`,
  EAI_AGAIN: (_, host) => `the name ${host} could not be looked up: the DNS does not answer`,
  ECONNRESET: (place) => `${place} closed the connection without an answer`,
  EPIPE: (place) => `${place} closed the connection without an answer`,
  EHOSTUNREACH: (place) => `there is no route to ${place}`,
  ENETUNREACH: (place) => `there is no route to ${place}`,
};
