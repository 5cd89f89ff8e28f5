import type { IncomingHttpHeaders } from 'node:http';
import { type Finding, subject } from './finding.ts';
import { plainText } from './plain-text.ts';
import type { Answer } from './requests.ts';

/** One header as text; null when it is missing. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return value === undefined ? null : plainText(Array.isArray(value) ? value.join(', ') : value);
}

/** The headers that the findings look at. */
export const watchedHeaders = [
  ...['strict-transport-security', 'content-security-policy', 'x-content-type-options', 'x-frame-options', 'referrer-policy'],
  ...['permissions-policy', 'server', 'x-powered-by', 'x-aspnet-version'],
] as const;

/** The headers that protect browsers, and those that tell too much. */
export const headerFindings = ({ url, headers }: Answer): Finding[] => [
  hstsFinding(url, headerOf(headers, 'strict-transport-security')),
  policyFinding(headers),
  sniffingFinding(headerOf(headers, 'x-content-type-options')),
  framingFinding(headers),
  referrerFinding(headerOf(headers, 'referrer-policy')),
  permissionsFinding(headerOf(headers, 'permissions-policy')),
  ...bannerFindings(headers),
];

const missing = (name: string): string => `there is no ${name}`;
const halfYearS = 15_552_000;

function hstsFinding(url: URL, value: string | null): Finding {
  const about = subject('hsts', 'Browsers are told to come back with https only', 'medium');
  if (url.protocol !== 'https:') return about.notApplicable('browsers heed it with https only');
  if (value === null) return about.fail(missing('strict-transport-security'));
  const maxAge = /(?:^|;)\s*max-age\s*=\s*"?(\d+)/i.exec(value)?.[1];
  if (maxAge === undefined) return about.fail(`${value}: has no max-age`);
  return Number(maxAge) < halfYearS ? about.fail(`${value}: shorter than half a year (${halfYearS} s)`) : about.pass(value);
}

/** The whole policy, not its clipped text. */
const policyOf = (headers: IncomingHttpHeaders): string => String(headers['content-security-policy'] ?? '');

function policyFinding(headers: IncomingHttpHeaders): Finding {
  const about = subject('csp', 'A content security policy limits scripts', 'medium');
  const policy = policyOf(headers);
  const value = plainText(policy);
  if (policy === '') return about.fail(missing('content-security-policy'));
  const scripts = directive(policy, 'script-src') ?? directive(policy, 'default-src');
  if (scripts === undefined) return about.fail(`${value}: has neither script-src nor default-src`);
  // A nonce or a hash makes browsers pass over 'unsafe-inline'.
  const unsafe = /'unsafe-inline'/i.test(scripts) && !/'(nonce-|sha\d{3}-|strict-dynamic)/i.test(scripts);
  return unsafe ? about.fail(`${value}: permits scripts in the page ('unsafe-inline')`) : about.pass(value);
}

const directive = (policy: string, name: string): string | undefined =>
  policy
    .split(/[;,]/)
    .map((part) => part.trim())
    .find((part) => part.toLowerCase().split(/\s/)[0] === name);

function sniffingFinding(value: string | null): Finding {
  const about = subject('content-type-options', 'Browsers take content for what it says it is', 'low');
  if (value === null) return about.fail(missing('x-content-type-options'));
  return value.trim().toLowerCase() === 'nosniff' ? about.pass(value) : about.fail(`${value}: must be nosniff`);
}

function framingFinding(headers: IncomingHttpHeaders): Finding {
  const about = subject('framing', "Strangers' pages can't show it in a frame", 'medium');
  // Browsers take frame-ancestors before x-frame-options.
  const ancestors = directive(policyOf(headers), 'frame-ancestors');
  if (ancestors !== undefined) return /\s\*(\s|$)/.test(ancestors) ? about.fail(plainText(ancestors)) : about.pass(plainText(ancestors));
  const value = headerOf(headers, 'x-frame-options');
  if (value === null) return about.fail('there is neither frame-ancestors in content-security-policy nor x-frame-options');
  return /^(deny|sameorigin)$/i.test(value.trim()) ? about.pass(value) : about.fail(`${value}: must be DENY or SAMEORIGIN`);
}

function referrerFinding(value: string | null): Finding {
  const about = subject('referrer-policy', "Addresses aren't passed on to other sites", 'low');
  if (value === null) return about.fail(missing('referrer-policy'));
  return /unsafe-url|no-referrer-when-downgrade/i.test(value) ? about.fail(`${value}: passes them on`) : about.pass(value);
}

function permissionsFinding(value: string | null): Finding {
  const about = subject('permissions-policy', 'What pages may use of the device is limited', 'info');
  return value === null ? about.fail(missing('permissions-policy')) : about.pass(value);
}

function bannerFindings(headers: IncomingHttpHeaders): Finding[] {
  return (['server', 'x-powered-by', 'x-aspnet-version'] as const).map((name) => {
    const about = subject(`banner-${name}`, `The header ${name} tells no version`, 'low');
    const value = headerOf(headers, name);
    if (value === null) return about.pass(missing(name));
    return /\d/.test(value) ? about.fail(`${value}: tells everybody its version`) : about.pass(value);
  });
}
