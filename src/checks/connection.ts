import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecurely, TLSSocket } from 'node:tls';
import { type Certificate, chainOf, whyUntrusted } from './certificate.ts';
import { portOf } from './place.ts';
import type { TargetPolicy } from './target-policy.ts';
import { withTimeLimit } from './time-limit.ts';
import { asCheckError, causeOf, isTlsFailure } from './unreachable.ts';

/** What every connection of a check needs to know. */
export interface Reach {
  targets: TargetPolicy;
  /** Ends the check. */
  signal: AbortSignal;
  /** The longest time for one connection or one request, in milliseconds. */
  attemptMs: number;
}

export interface Connection {
  /** The address that took it, with its port. */
  address: string;
  tookMs: number;
  /** Null for plain HTTP. */
  tls: TlsFacts | null;
}

export interface TlsFacts {
  /** Such as TLSv1.3. */
  version: string;
  cipher: string;
  /** Why the certificate is not to be trusted; null when it is. */
  distrust: string | null;
  /** The server's own certificate first. */
  chain: Certificate[];
  /** What had to be offered for this connection. */
  settings: ConnectionOptions;
}

/** What TLS 1.0 and 1.1 need, their signatures among it, which OpenSSL offers no more by itself. */
export const oldTls: ConnectionOptions = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };

/**
 * Connects once, with TLS for https, and looks at the certificate, trusted or not; nothing is sent. A server that knows only old versions
 * of TLS is met with those.
 * @throws ForbiddenTargetError; UnreachableError when there is no connection; the reason of the signal
 */
export async function tryConnection(url: URL, reach: Reach): Promise<Connection> {
  if (url.protocol === 'http:') return await open(url, reach, null);
  try {
    return await open(url, reach, {});
  } catch (error) {
    if (!isTlsFailure(causeOf(error as Error))) throw error;
    return await open(url, reach, oldTls).catch(() => {
      reach.signal.throwIfAborted();
      throw error;
    });
  }
}

/** Connects with these settings of TLS, or without TLS for null. Throws as {@link tryConnection} does. */
export async function open(url: URL, reach: Reach, settings: ConnectionOptions | null): Promise<Connection> {
  reach.targets.requireAllowed(url);
  const { attemptMs: limitMs, signal: parent } = reach;
  const began = performance.now();
  try {
    return await withTimeLimit({ parent, limitMs, late: () => new Error('late') }, async (signal) => {
      const socket = begin(url, reach, settings);
      socket.on('error', () => {}); // told by `once`; one that comes later changes nothing
      try {
        await once(socket, settings === null ? 'connect' : 'secureConnect', { signal });
        return describe(socket, url, performance.now() - began, settings ?? {});
      } finally {
        socket.destroy();
      }
    });
  } catch (error) {
    parent.throwIfAborted();
    throw asCheckError(error, url, limitMs);
  }
}

function begin(url: URL, { targets }: Reach, settings: ConnectionOptions | null): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const target = { host, port: portOf(url), lookup: targets.lookupFor(url) };
  if (settings === null) return connect(target);
  const named = isIP(host) === 0 && { servername: host };
  // Whether to trust it is a finding, and nothing secret is sent.
  return connectSecurely({ ...target, ...named, ...settings, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false });
}

function describe(socket: Socket, url: URL, tookMs: number, settings: ConnectionOptions): Connection {
  const { remoteAddress = '?', remotePort, remoteFamily } = socket;
  const address = `${remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
  if (!(socket instanceof TLSSocket)) return { address, tookMs, tls: null };
  const now = new Date();
  const chain = chainOf(socket, now);
  const distrust = socket.authorized || chain[0] === undefined ? null : whyUntrusted(String(socket.authorizationError), chain[0], url, now);
  const tls = { version: String(socket.getProtocol()), cipher: socket.getCipher().name, distrust, chain, settings };
  return { address, tookMs, tls };
}
