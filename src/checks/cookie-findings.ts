import { type Cookie, readCookies } from './cookie.ts';
import { type Finding, type Severity, subject } from './finding.ts';
import type { Answer } from './requests.ts';

/** How the cookies of an answer are protected; not applicable when it sets none. */
export function cookieFindings({ headers }: Answer): Finding[] {
  const cookies = readCookies(headers['set-cookie']);
  return [
    finding('cookie-secure', 'Cookies are sent with https only', 'medium', cookies, ({ secure }) => secure),
    finding('cookie-http-only', 'Scripts can not read cookies', 'medium', cookies, ({ httpOnly }) => httpOnly),
    finding('cookie-same-site', 'Cookies stay away from what other sites send', 'low', cookies, isLimited),
  ];
}

/** SameSite=None is a choice that browsers take with Secure only. */
const isLimited = ({ sameSite, secure }: Cookie): boolean => sameSite === 'lax' || sameSite === 'strict' || (sameSite === 'none' && secure);

function finding(id: string, title: string, severity: Severity, cookies: readonly Cookie[], holds: (cookie: Cookie) => boolean): Finding {
  const about = subject(id, title, severity);
  if (cookies.length === 0) return about.notApplicable('no cookie is set');
  const offenders = cookies.filter((cookie) => !holds(cookie)).map(({ name }) => name);
  if (offenders.length === 0) return about.pass(`${cookies.length} of ${cookies.length} cookies`);
  return about.fail(`${offenders.length} of ${cookies.length} cookies: ${offenders.slice(0, 20).join(', ')}`);
}
