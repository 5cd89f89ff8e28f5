import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { placeOf } from './place.ts';
import { dayOf, plainText } from './plain-text.ts';

/** One certificate of a chain. */
export interface Certificate {
  subject: string;
  issuer: string;
  /** ISO 8601. */
  validFrom: string;
  /** ISO 8601. */
  validTo: string;
  daysLeft: number;
  /** Size of the key: bits of an RSA modulus, or of the curve; null when unknown. */
  keyBits: number | null;
}

const longestChain = 10;
const dayMs = 86_400_000;

/** The chain as the server sent it, completed with what this machine knows; the server's own certificate first. */
export function chainOf(socket: TLSSocket, now: Date): Certificate[] {
  const chain: Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < longestChain) {
    chain.push(describe(next, now));
    // A root names itself as its issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

/** A date that cannot be read counts as long past: such a certificate is valid at no time. */
function dateOf(text: string): Date {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}

function describe({ subject, issuer, valid_from, valid_to, bits }: DetailedPeerCertificate, now: Date): Certificate {
  const validTo = dateOf(valid_to);
  return {
    subject: plainText(String(subject?.CN ?? subject?.O ?? 'unnamed')),
    issuer: plainText(String(issuer?.CN ?? issuer?.O ?? 'unnamed')),
    validFrom: dateOf(valid_from).toISOString(),
    validTo: validTo.toISOString(),
    daysLeft: Math.floor((validTo.getTime() - now.getTime()) / dayMs),
    keyBits: bits ?? null,
  };
}

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
