import type { Certificate } from './findings.ts';

/** The server could not be checked, because it does not answer; the message tells a person why. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The host and port of a URL, with the port that its protocol means. */
export const placeOf = (url: URL): string => `${url.hostname}:${portOf(url)}`;

/** The port of a URL, or the one that its protocol means. */
export const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80));

/** Why a connection or a request failed, as a sentence. */
export function whyUnreachable(error: unknown, url: URL, timeoutMs: number): string {
  const { name, code = '', message } = error as NodeJS.ErrnoException;
  const place = placeOf(url);
  if (name === 'AbortError' || name === 'TimeoutError' || code === 'ETIMEDOUT')
    return `${place} did not answer within ${timeoutMs / 1_000} s`;
  if (code.startsWith('HPE_')) return `${place} answers, but not with HTTP${url.protocol === 'http:' ? '; perhaps it wants https://' : ''}`;
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return `${place} answers, but no TLS connection came about; perhaps it wants http://`;
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

/** Why a certificate is not to be trusted, as a sentence; `problem` is the code of the TLS library. */
export function whyUntrusted(problem: string, { subject, issuer, validFrom, validTo, daysLeft }: Certificate, url: URL, now: Date): string {
  const place = placeOf(url);
  // First, whatever else is wrong with it: the library names one problem only.
  if (daysLeft < 0) return `the certificate of ${place} expired on ${dayOf(validTo)}, ${-daysLeft} days ago`;
  if (now < new Date(validFrom)) return `the certificate of ${place} is valid only from ${dayOf(validFrom)}`;
  const trust = 'to trust it all the same, name a file that holds it in NODE_EXTRA_CA_CERTS';
  switch (problem) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${place} is for ${subject}, not for ${url.hostname}`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return `the certificate of ${place} is self-signed; ${trust}`;
    default:
      return `the certificate of ${place} was issued by ${issuer}, which this machine does not trust (${problem}); ${trust}`;
  }
}

/** The day of an ISO 8601 time. */
export const dayOf = (time: string): string => time.slice(0, 10);
