import type { Certificate } from './certificate.ts';
import type { TlsFacts } from './connection.ts';
import { type Finding, subject } from './finding.ts';
import type { Observation } from './observation.ts';
import type { OldVersion } from './old-tls.ts';
import { dayOf, plainText } from './plain-text.ts';
import { redirectOf, shownTarget } from './redirects.ts';

const expirySoonDays = 21;
const expiry = (daysLeft: number) =>
  subject('certificate-expiry', 'The certificate is valid for a while', daysLeft < 0 ? 'critical' : 'medium');
const trust = subject('certificate-trust', 'The certificate is trusted', 'high');

/** Trust and expiry of the certificate; not applicable without TLS. */
export function certificateFindings({ connection: { tls } }: Observation): Finding[] {
  const certificate = tls?.chain[0];
  if (tls === null || certificate === undefined) {
    const why = tls === null ? 'there is no TLS' : 'the server showed no certificate';
    return [trust.notApplicable(why), expiry(0).notApplicable(why)];
  }
  return [trustFinding(tls, certificate), expiryFinding(certificate)];
}

const trustFinding = ({ distrust }: TlsFacts, { subject: name, issuer }: Certificate): Finding =>
  distrust === null ? trust.pass(`${name}, issued by ${issuer}`) : trust.fail(distrust);

function expiryFinding({ daysLeft, validTo }: Certificate): Finding {
  const about = expiry(daysLeft);
  if (daysLeft < 0) return about.fail(`expired on ${dayOf(validTo)}, ${-daysLeft} days ago`);
  const evidence = `${daysLeft} days left, until ${dayOf(validTo)}`;
  return daysLeft < expirySoonDays ? about.fail(evidence) : about.pass(evidence);
}

/** Encryption, its version, the old versions, the chain and its keys. */
export function tlsFindings(observation: Observation): Finding[] {
  const { tls } = observation.connection;
  return [encryptionFinding(observation), versionFinding(tls), oldVersionsFinding(observation), chainFinding(tls), keyFinding(tls)];
}

function encryptionFinding({ connection: { tls }, page, samples }: Observation): Finding {
  const about = subject('encryption', 'The server is reached with TLS', 'high');
  if (tls !== null) return about.pass(`${tls.version} with ${tls.cipher}`);
  const first = samples.find((sample) => 'status' in sample);
  const to = first && redirectOf(first);
  if (to instanceof URL && to.protocol === 'https:') return about.pass(`plain HTTP redirects to ${plainText(shownTarget(to))}`);
  return page?.url.protocol === 'https:'
    ? about.pass(`plain HTTP redirects to ${plainText(page.url.href)}`)
    : about.fail('plain HTTP, without TLS');
}

function versionFinding(tls: TlsFacts | null): Finding {
  const about = subject('tls-version', 'TLS 1.2 or newer is negotiated', 'high');
  if (tls === null) return about.notApplicable('there is no TLS');
  return tls.version === 'TLSv1.2' || tls.version === 'TLSv1.3' ? about.pass(tls.version) : about.fail(tls.version);
}

function oldVersionsFinding({ connection: { tls }, oldVersions }: Observation): Finding {
  const about = subject('tls-old-versions', 'TLS 1.0 and 1.1 are refused', 'high');
  if (oldVersions === null) return about.notApplicable(tls === null ? 'there is no TLS' : 'tried with deepScan only');
  const accepted = oldVersions.filter((version) => version.accepted).map(({ version }) => version);
  if (accepted.length > 0) return about.fail(`accepted: ${accepted.join(', ')}`);
  return oldVersions.some((version) => version.accepted === null)
    ? about.notApplicable(unknown(oldVersions))
    : about.pass('both were refused');
}

const unknown = (versions: readonly OldVersion[]): string =>
  `could not be found out for ${versions.flatMap(({ version, accepted }) => (accepted === null ? [version] : [])).join(', ')}`;

function chainFinding(tls: TlsFacts | null): Finding {
  const about = subject('certificate-chain', 'No certificate of the chain has expired', 'high');
  if (tls === null) return about.notApplicable('there is no TLS');
  const expired = tls.chain.filter(({ daysLeft }) => daysLeft < 0).map((one) => one.subject);
  const names = tls.chain.map((one) => one.subject).join(' → ');
  return expired.length === 0 ? about.pass(names) : about.fail(`${names}; expired: ${expired.join(', ')}`);
}

/** Curves begin at 224 bits, and RSA keys that are too short are longer than any curve. */
function keyFinding(tls: TlsFacts | null): Finding {
  const about = subject('certificate-key', 'The key of the certificate is long enough', 'high');
  const bits = tls?.chain[0]?.keyBits ?? null;
  if (bits === null) return about.notApplicable(tls === null ? 'there is no TLS' : 'the length is not known');
  const tooShort = bits < 224 || (bits > 571 && bits < 2_048);
  return tooShort ? about.fail(`${bits} bits`) : about.pass(`${bits} bits`);
}
