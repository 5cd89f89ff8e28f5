import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** An IP address in the one spelling that is compared. */
export interface Address {
  family: 'ipv4' | 'ipv6';
  text: string;
}

/** Reads an IP address; undefined when it is none. An IPv4 address that is mapped into IPv6 (::ffff:127.0.0.1) is the IPv4 address. */
export function readAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 'ipv4', text };
  // The zone of a link-local address (fe80::1%eth0) says by which interface, not where to.
  const plain = text.replace(/%.*$/, '');
  if (!isIPv6(plain)) return undefined;
  const shortest = new URL(`http://[${plain}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(shortest);
  if (mapped === null) return { family: 'ipv6', text: shortest };
  const halves = mapped.slice(1).map((half) => Number.parseInt(half, 16));
  return { family: 'ipv4', text: halves.flatMap((half) => [half >> 8, half & 255]).join('.') };
}

/** Addresses as a set; each family is kept apart, so that no range of IPv6 can stand for addresses of IPv4. */
export class AddressRange {
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() };

  /** Adds the addresses that share the first `prefix` bits with this one. */
  add({ family, text }: Address, prefix: number): this {
    this.#lists[family].addSubnet(text, prefix, family);
    return this;
  }

  has({ family, text }: Address): boolean {
    return this.#lists[family].check(text, family);
  }
}

function rangeOf(...blocks: string[]): AddressRange {
  const range = new AddressRange();
  for (const block of blocks) {
    const [text = '', prefix] = block.split('/');
    range.add({ family: isIPv4(text) ? 'ipv4' : 'ipv6', text }, Number(prefix));
  }
  return range;
}

/** What the registries of IANA keep for special purposes: not somebody's server on the internet, or a way round to an IPv4 address. */
const special = rangeOf(
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // Public by its number, and answered inside every virtual network of Azure.
  '168.63.129.16/32',
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
);
const globalUnicast = rangeOf('2000::/3');

/** Whether an address is one of the public internet: not loopback, private, link-local, multicast or reserved in any way. */
export const isPublic = (address: Address): boolean => !special.has(address) && (address.family === 'ipv4' || globalUnicast.has(address));
