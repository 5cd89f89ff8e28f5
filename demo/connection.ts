import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely, type PeerCertificate, TLSSocket } from 'node:tls';
import type { Certificate } from './findings.ts';
import { portOf, UnreachableError, whyUnreachable, whyUntrusted } from './unreachable.ts';

export interface Limits {
  /** The longest time for one connection or one request, in milliseconds. */
  timeoutMs: number;
  /** Ends the check. */
  signal: AbortSignal;
  now: () => Date;
}

export interface Connection {
  /** The address that took it, with its port. */
  address: string;
  tookMs: number;
  /** The version of TLS, such as TLSv1.3; null for plain HTTP. */
  protocol: string | null;
  certificate: Certificate | null;
}

/**
 * Connects once, with TLS for https, and looks at the certificate; nothing is sent.
 * @throws UnreachableError when there is no connection, or no certificate that this machine trusts.
 */
export async function tryConnection(url: URL, limits: Limits): Promise<Connection> {
  const began = performance.now();
  const secure = url.protocol === 'https:';
  const socket = open(url, secure);
  socket.on('error', () => {}); // told by `once`; one that comes later changes nothing
  try {
    const signal = AbortSignal.any([limits.signal, AbortSignal.timeout(limits.timeoutMs)]);
    await once(socket, secure ? 'secureConnect' : 'connect', { signal });
    const tookMs = performance.now() - began;
    const { remoteAddress = '?', remotePort, remoteFamily } = socket;
    const address = `${remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    return { address, tookMs, protocol: null, certificate: null, ...(socket instanceof TLSSocket && inspect(socket, url, limits.now())) };
  } catch (error) {
    limits.signal.throwIfAborted();
    if (error instanceof UnreachableError) throw error;
    throw new UnreachableError(whyUnreachable(error, url, limits.timeoutMs), { cause: error });
  } finally {
    socket.destroy();
  }
}

function open(url: URL, secure: boolean): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const target = { host, port: portOf(url) };
  if (!secure) return connect(target);
  // Whether to trust it is decided below, where its dates and names can be told.
  return connectSecurely({ ...target, ...(isIP(host) === 0 && { servername: host }), rejectUnauthorized: false });
}

function inspect(socket: TLSSocket, url: URL, now: Date): Pick<Connection, 'protocol' | 'certificate'> {
  const certificate = describe(socket.getPeerCertificate(), now);
  if (!socket.authorized) throw new UnreachableError(whyUntrusted(String(socket.authorizationError), certificate, url, now));
  return { protocol: socket.getProtocol(), certificate };
}

const dayMs = 86_400_000;

function describe({ subject, issuer, valid_from, valid_to }: PeerCertificate, now: Date): Certificate {
  const validTo = new Date(valid_to);
  return {
    subject: String(subject?.CN ?? subject?.O ?? 'unnamed'),
    issuer: String(issuer?.CN ?? issuer?.O ?? 'unnamed'),
    validFrom: new Date(valid_from).toISOString(),
    validTo: validTo.toISOString(),
    daysLeft: Math.floor((validTo.getTime() - now.getTime()) / dayMs),
  };
}
