import { UnreachableError } from './check-error.ts';
import { oldTls, open, type Reach } from './connection.ts';
import { causeOf } from './unreachable.ts';

/** Whether a server takes an old version of TLS; null where that could not be found out. */
export interface OldVersion {
  version: 'TLSv1' | 'TLSv1.1';
  accepted: boolean | null;
}

/** Tries the old versions of TLS, one after the other. @throws the reason of the signal */
export async function tryOldVersions(url: URL, reach: Reach): Promise<OldVersion[]> {
  const tried: OldVersion[] = [];
  for (const version of ['TLSv1', 'TLSv1.1'] as const) tried.push({ version, accepted: await accepts(url, reach, version) });
  return tried;
}

async function accepts(url: URL, reach: Reach, version: OldVersion['version']): Promise<boolean | null> {
  try {
    const { tls } = await open(url, reach, { ...oldTls, minVersion: version, maxVersion: version });
    return tls?.version === version;
  } catch (error) {
    reach.signal.throwIfAborted();
    if (!(error instanceof UnreachableError)) throw error;
    return wasRefused(causeOf(error)) ? false : null;
  }
}

/** A server says no by an alert, or hangs up. That this machine's own TLS can't offer the version says nothing. */
const wasRefused = (code: string): boolean => code !== 'ERR_SSL_NO_PROTOCOLS_AVAILABLE' && /^(ERR_SSL|EPROTO$|ECONNRESET$)/.test(code);
