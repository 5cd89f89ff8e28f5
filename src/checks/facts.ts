import { readCookies } from './cookie.ts';
import { headerOf } from './header-findings.ts';
import { latencyOf } from './latency.ts';
import type { Observation } from './observation.ts';
import { portOf } from './place.ts';
import { redirectOf } from './redirects.ts';

export type FactKind = 'text' | 'number' | 'truth';
export type Scalar = string | number | boolean;
/** Null: it was looked for, and is not there. A list has one value for each cookie. */
export type FactValue = Scalar | null | (Scalar | null)[];

type Gather = (observation: Observation) => FactValue | undefined;
const certificate = ({ connection: { tls } }: Observation) => tls?.chain[0];
const latency = ({ samples }: Observation) => latencyOf(samples) ?? undefined;
const cookies = ({ page }: Observation) => page && readCookies(page.headers['set-cookie']);
const redirectsToTls = ({ samples }: Observation): boolean | undefined => {
  const first = samples.find((sample) => 'status' in sample);
  const to = first && redirectOf(first);
  return first && to instanceof URL && to.protocol === 'https:';
};

/** Every fact that rules can name, but for the headers; undefined stands for one that was not gathered. */
const table: Readonly<Record<string, { kind: FactKind; gather: Gather }>> = {
  'target.scheme': { kind: 'text', gather: ({ url }) => url.protocol.replace(':', '') },
  'target.host': { kind: 'text', gather: ({ url }) => url.hostname },
  'target.port': { kind: 'number', gather: ({ url }) => portOf(url) },
  'connection.address': { kind: 'text', gather: ({ connection }) => connection.address },
  'connection.tookMs': { kind: 'number', gather: ({ connection }) => connection.tookMs },
  'tls.version': { kind: 'text', gather: ({ connection }) => connection.tls?.version },
  'tls.cipher': { kind: 'text', gather: ({ connection }) => connection.tls?.cipher },
  'tls.trusted': { kind: 'truth', gather: ({ connection: { tls } }) => tls && tls.distrust === null },
  'tls.acceptsOldVersions': { kind: 'truth', gather: ({ oldVersions }) => oldVersions?.some(({ accepted }) => accepted === true) },
  'certificate.subject': { kind: 'text', gather: (seen) => certificate(seen)?.subject },
  'certificate.issuer': { kind: 'text', gather: (seen) => certificate(seen)?.issuer },
  'certificate.daysLeft': { kind: 'number', gather: (seen) => certificate(seen)?.daysLeft },
  'certificate.keyBits': { kind: 'number', gather: (seen) => certificate(seen)?.keyBits },
  'http.status': { kind: 'number', gather: ({ page }) => page?.status },
  'http.redirectsToHttps': { kind: 'truth', gather: redirectsToTls },
  'latency.p50Ms': { kind: 'number', gather: (seen) => latency(seen)?.p50 },
  'latency.p95Ms': { kind: 'number', gather: (seen) => latency(seen)?.p95 },
  'latency.maxMs': { kind: 'number', gather: (seen) => latency(seen)?.max },
  'answers.requests': { kind: 'number', gather: (seen) => latency(seen)?.requests },
  'answers.answered': { kind: 'number', gather: (seen) => latency(seen)?.answered },
  'cookies.name': { kind: 'text', gather: (seen) => cookies(seen)?.map(({ name }) => name) },
  'cookies.secure': { kind: 'truth', gather: (seen) => cookies(seen)?.map(({ secure }) => secure) },
  'cookies.httpOnly': { kind: 'truth', gather: (seen) => cookies(seen)?.map(({ httpOnly }) => httpOnly) },
  'cookies.sameSite': { kind: 'text', gather: (seen) => cookies(seen)?.map(({ sameSite }) => sameSite) },
};

const headerPrefix = 'http.headers.';

/** The names of all facts, for people. */
export const factNames: readonly string[] = [...Object.keys(table), `${headerPrefix}<name>`];

/** The kind of a fact; undefined when there is no such fact. */
export function kindOf(fact: string): FactKind | undefined {
  if (Object.hasOwn(table, fact)) return table[fact]?.kind;
  return /^http\.headers\.[a-z\d!#$%&'*+.^_`|~-]+$/.test(fact) ? 'text' : undefined;
}

/** The value of a fact; undefined when it was not gathered. */
export function factOf(fact: string, observation: Observation): FactValue | undefined {
  if (Object.hasOwn(table, fact)) return table[fact]?.gather(observation) ?? undefined;
  const { page } = observation;
  return page === null ? undefined : headerOf(page.headers, fact.slice(headerPrefix.length));
}
