import type { LookupAddress } from 'node:dns';
import { lookup as lookUp } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { type Address, isPublic, readAddress } from './address.ts';
import { CheckError, ForbiddenTargetError } from './check-error.ts';
import { placeOf, portOf } from './place.ts';
import { readTargetEntry, type TargetEntry, withoutDot } from './target-entry.ts';

/** Gives the addresses of a name. */
export type Lookup = (name: string) => Promise<LookupAddress[]>;

/** The targets that are allowed where nothing else is said: this machine. */
export const defaultTargets = 'localhost,127.0.0.0/8,::1';

/**
 * Which targets may be connected to. A URL is looked at before every connection, and the addresses of its name just when it is made, so what is
 * permitted is what is connected to. A name must be on the list; behind it a public address is permitted, any other only when a range on
 * the list holds it. An address must be in a range on the list.
 */
export class TargetPolicy {
  readonly #entries: readonly TargetEntry[];
  readonly #lookUp: Lookup;

  constructor(entries: readonly TargetEntry[], lookup: Lookup) {
    this.#entries = entries;
    this.#lookUp = lookup;
  }

  /** Refuses a URL that may not be fetched, as far as its text says so. @throws ForbiddenTargetError; CheckError when it is no target */
  requireAllowed(url: URL): void {
    requireFetchable(url);
    const address = addressOf(url);
    const entries = this.#entriesFor(url);
    const allowed =
      address === undefined
        ? entries.some((entry) => entry.permitsName(withoutDot(url.hostname)))
        : entries.some((entry) => entry.permitsAddress(address));
    if (!allowed)
      throw new ForbiddenTargetError(`${placeOf(url)} is not a permitted target: no entry of the list of allowed targets has it`);
  }

  /** The `lookup` for a connection to this URL: gives only those addresses that are permitted, and fails when none is. */
  lookupFor(url: URL): LookupFunction {
    return (name, options, done) => {
      this.#permittedAddresses(name, url).then(
        (found) => (options.all ? done(null, found) : done(null, found[0]?.address ?? '', found[0]?.family)),
        (error: NodeJS.ErrnoException) => done(error, []),
      );
    };
  }

  async #permittedAddresses(name: string, url: URL): Promise<LookupAddress[]> {
    const entries = this.#entriesFor(url);
    const found = await this.#lookUp(name);
    const permitted = found.filter(({ address }) => {
      const read = readAddress(address);
      return read !== undefined && (isPublic(read) || entries.some((entry) => entry.permitsAddress(read)));
    });
    if (permitted.length > 0) return permitted;
    const addresses = found.map(({ address }) => address).join(', ') || 'nothing';
    throw new ForbiddenTargetError(
      `${placeOf(url)} is not a permitted target: its name stands for ${addresses}, which is not public, and no range on the list of allowed targets has it`,
    );
  }

  #entriesFor(url: URL): TargetEntry[] {
    return this.#entries.filter(({ port }) => port === null || port === portOf(url));
  }
}

/** Reads an allow-list, its entries separated by commas; `lookup` stands in for the DNS. @throws CheckError that names the wrong entry */
export function readTargetPolicy(list: string = defaultTargets, lookup: Lookup = allAddresses): TargetPolicy {
  const entries = list.split(',').map((entry) => entry.trim());
  return new TargetPolicy(entries.filter((entry) => entry !== '').map(readTargetEntry), lookup);
}

const allAddresses: Lookup = (name) => lookUp(name, { all: true });

const addressOf = (url: URL): Address | undefined => readAddress(url.hostname.replace(/^\[|\]$/g, ''));

function requireFetchable(url: URL): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new CheckError(`${url.protocol} can't be checked: the URL of a target must begin with http:// or https://`, { retryable: false });
  if (url.username !== '' || url.password !== '')
    throw new CheckError(`the URL of the target ${placeOf(url)} must not hold a user name or a password`, { retryable: false });
}
