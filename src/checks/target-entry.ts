import { type Address, AddressRange, readAddress } from './address.ts';
import { CheckError } from './check-error.ts';

/** One entry of the allow-list. It permits names or addresses, never both. */
export interface TargetEntry {
  /** The only port that it permits; null: every port. */
  port: number | null;
  permitsName(name: string): boolean;
  permitsAddress(address: Address): boolean;
}

const says =
  'must be a host name (example.com), a pattern (*.example.com, or * for every name), an IP address or a range (10.0.0.0/8), each with :port or without, an IPv6 address then in brackets';

/** Reads an entry, such as `*.example.com`, `10.0.0.0/8:8080` or `[::1]:443`. @throws CheckError */
export function readTargetEntry(entry: string): TargetEntry {
  const { host, port } = split(entry.toLowerCase());
  if (port !== null && !(port >= 1 && port <= 65_535)) throw wrong(entry, 'a port must be from 1 to 65535');
  const [text = '', prefix, ...more] = host.split('/');
  const address = readAddress(text);
  if (address !== undefined && more.length === 0) return rangeEntry(entry, address, text, prefix, port);
  return nameEntry(entry, host, port);
}

function split(entry: string): { host: string; port: number | null } {
  const [, bracketed, plain, port] = /^(?:\[([^[\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  // What has colons and no brackets is an IPv6 address without a port.
  return { host: bracketed ?? plain ?? entry, port: port === undefined ? null : Number(port) };
}

function rangeEntry(entry: string, address: Address, text: string, prefix: string | undefined, port: number | null): TargetEntry {
  if (address.family === 'ipv4' && text.includes(':')) throw wrong(entry, `write it as IPv4: ${address.text}`);
  const bits = address.family === 'ipv4' ? 32 : 128;
  if (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
    throw wrong(entry, `the length of the range must be from 0 to ${bits}`);
  const range = new AddressRange().add(address, Number(prefix ?? bits));
  return { port, permitsName: () => false, permitsAddress: (candidate) => range.has(candidate) };
}

function nameEntry(entry: string, host: string, port: number | null): TargetEntry {
  const permitsAddress = (): boolean => false;
  if (host === '*') return { port, permitsName: () => true, permitsAddress };
  const pattern = host.startsWith('*.');
  const name = ownSpelling(pattern ? host.slice(2) : host);
  if (name === undefined) throw wrong(entry, says);
  return { port, permitsName: (candidate) => (pattern ? candidate.endsWith(`.${name}`) : candidate === name), permitsAddress };
}

/** A name as URLs spell it, so that it equals theirs; undefined when it's none, or is an address in a form such as 127.1. */
function ownSpelling(name: string): string | undefined {
  if (!/^[^\s/:@?#[\]*%\\]+$/.test(name) || !URL.canParse(`http://${name}/`)) return undefined;
  const { hostname } = new URL(`http://${name}/`);
  return readAddress(hostname) === undefined ? withoutDot(hostname) : undefined;
}

/** A name without the dot at its end, which means the same. */
export const withoutDot = (name: string): string => name.replace(/\.$/, '');

const wrong = (entry: string, how: string): CheckError =>
  new CheckError(`"${entry}" is no entry of a list of targets: ${how}`, { retryable: false });
