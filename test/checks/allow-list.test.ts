import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressRange, isPublic, readAddress } from '../../src/checks/address.ts';
import { defaultTargets, readTargetPolicy } from '../../src/checks/target-policy.ts';

const permits = (list: string, url: string): boolean => {
  try {
    readTargetPolicy(list).requireAllowed(new URL(url));
    return true;
  } catch (error) {
    expect(error).toMatchObject({ retryable: false });
    return false;
  }
};

test.each([
  { list: defaultTargets, url: 'http://localhost:4000/', permitted: true },
  { list: defaultTargets, url: 'http://LOCALHOST./', permitted: true },
  { list: defaultTargets, url: 'http://127.9.9.9/', permitted: true },
  { list: defaultTargets, url: 'http://[::1]:8080/', permitted: true },
  { list: defaultTargets, url: 'http://[::ffff:127.0.0.1]/', permitted: true },
  { list: defaultTargets, url: 'http://2130706433/', permitted: true },
  { list: defaultTargets, url: 'http://[::ffff:10.0.0.1]/', permitted: false },
  { list: defaultTargets, url: 'http://[::127.0.0.1]/', permitted: false },
  { list: defaultTargets, url: 'http://10.0.0.1/', permitted: false },
  { list: defaultTargets, url: 'http://169.254.169.254/latest/', permitted: false },
  { list: defaultTargets, url: 'http://0xa9fea9fe/', permitted: false },
  { list: defaultTargets, url: 'http://0251.0376.0251.0376/', permitted: false },
  { list: defaultTargets, url: 'http://example.com/', permitted: false },
  { list: defaultTargets, url: 'http://localhost.example.com/', permitted: false },
  { list: 'example.com:8443', url: 'https://example.com:8443/', permitted: true },
  { list: 'example.com:443', url: 'https://example.com/', permitted: true },
  { list: 'example.com:8443', url: 'https://example.com/', permitted: false },
  { list: '*.Example.com', url: 'https://a.b.example.COM/', permitted: true },
  { list: '*.example.com', url: 'https://example.com/', permitted: false },
  { list: '*.example.com', url: 'https://badexample.com/', permitted: false },
  { list: 'bücher.example', url: 'https://xn--bcher-kva.example/', permitted: true },
  { list: '*', url: 'https://anything.example/', permitted: true },
  { list: '*', url: 'http://192.0.2.1/', permitted: false },
  { list: '10.1.0.0/16:8080, fd00::/8', url: 'http://10.1.2.3:8080/', permitted: true },
  { list: '10.1.0.0/16:8080, fd00::/8', url: 'http://10.1.2.3/', permitted: false },
  { list: '10.1.0.0/16:8080, fd00::/8', url: 'http://[fdab::1]/', permitted: true },
  { list: '[2001:db8::/32]:8443', url: 'https://[2001:db8::1]:8443/', permitted: true },
  { list: '[2001:db8::1]:8443', url: 'https://[2001:db8::2]:8443/', permitted: false },
  { list: '::/0', url: 'http://127.0.0.1/', permitted: false },
  { list: '', url: 'http://127.0.0.1/', permitted: false },
  { list: '*,0.0.0.0/0', url: 'ftp://127.0.0.1/', permitted: false },
  { list: '*,0.0.0.0/0', url: 'http://user@127.0.0.1/', permitted: false },
])('"$list" and $url: $permitted', ({ list, url, permitted }) => {
  expect(permits(list, url)).toBe(permitted);
});

test.each([
  { entry: '10.0.0.0/33', says: 'the length of the range must be from 0 to 32' },
  { entry: '::1/129', says: 'from 0 to 128' },
  { entry: '10.0.0.0/-1', says: 'from 0 to 32' },
  { entry: 'example.com:0', says: 'a port must be from 1 to 65535' },
  { entry: 'example.com:70000', says: 'a port must be from 1 to 65535' },
  { entry: '127.1', says: 'must be a host name' },
  { entry: '::ffff:10.0.0.1', says: 'write it as IPv4: 10.0.0.1' },
  { entry: 'http://example.com/', says: 'must be a host name' },
  { entry: 'a.*.example.com', says: 'must be a host name' },
  { entry: '[::1', says: 'must be a host name' },
])('refuses the entry $entry', ({ entry, says }) => {
  expect(() => readTargetPolicy(`localhost,${entry}`)).toThrow(`"${entry}" is no entry of a list of targets`);
  expect(() => readTargetPolicy(`localhost,${entry}`)).toThrow(says);
});

const textOfIpv6 = (value: bigint): string =>
  Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(':');
const textOfIpv4 = (value: bigint): string => Array.from({ length: 4 }, (_, i) => (value >> BigInt(24 - 8 * i)) & 0xffn).join('.');
const families = [
  { family: 'IPv4', bits: 32, textOf: textOfIpv4 },
  { family: 'IPv6', bits: 128, textOf: textOfIpv6 },
] as const;

describe.each(families)('$family', ({ bits, textOf }) => {
  const value = fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });

  test('a range has what shares its first bits, and nothing else', () => {
    fc.assert(
      // The second address differs from the first in one bit, or is any other: else hardly one would be near the edge.
      fc.property(
        value,
        fc.integer({ min: 0, max: bits }),
        fc.oneof(value, fc.integer({ min: 0, max: bits - 1 })),
        (base, prefix, other) => {
          const candidate = typeof other === 'bigint' ? other : base ^ (1n << BigInt(other));
          const [first, second] = [readAddress(textOf(base)), readAddress(textOf(candidate))];
          // Mapped ones are IPv4, and covered there.
          fc.pre(
            first !== undefined &&
              second !== undefined &&
              first.family === second.family &&
              first.family === (bits === 32 ? 'ipv4' : 'ipv6'),
          );
          const shift = BigInt(bits - prefix);
          expect(new AddressRange().add(first, prefix).has(second)).toBe(base >> shift === candidate >> shift);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test('a mapped IPv4 address is the IPv4 address, however it is spelt', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 0xffff_ffffn }), (value) => {
      const expected = { family: 'ipv4', text: textOfIpv4(value) };
      expect(readAddress(`::ffff:${textOfIpv4(value)}`)).toEqual(expected);
      expect(readAddress(textOfIpv6((0xffffn << 32n) | value))).toEqual(expected);
    }),
  );
});

test.each([
  { addresses: ['8.8.8.8', '172.15.0.1', '172.32.0.1', '192.169.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'], expected: true },
  { addresses: ['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.31.255.255', '192.168.1.1'], expected: false },
  { addresses: ['224.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1%eth0', 'fd00::1', 'ff02::1', '64:ff9b::a00:1'], expected: false },
  { addresses: ['2002:a00:1::', '2001:db8::1', '2001::1', '::ffff:192.168.0.1', '::10.0.0.1'], expected: false },
])('public: $expected for $addresses', ({ addresses, expected }) => {
  for (const text of addresses) {
    const address = readAddress(text);
    expect(address && { text, public: isPublic(address) }).toEqual({ text, public: expected });
  }
});
