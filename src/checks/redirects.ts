import { CheckError } from './check-error.ts';
import type { Reach } from './connection.ts';
import { plainText } from './plain-text.ts';
import { type Answer, Requests } from './requests.ts';

/** One redirect on the way. */
export interface Hop {
  status: number;
  to: string;
  /** Why it was not followed; null when it was. */
  refused: string | null;
}

const mostHops = 5;

/** Where an answer redirects to; null when it does not. Text where it is no URL. */
export function redirectOf({ url, status, headers: { location } }: Answer): URL | string | null {
  if (status < 300 || status >= 400 || location === undefined) return null;
  return URL.canParse(location, url) ? new URL(location, url) : plainText(location);
}

/** Follows the redirects of an answer, five at most, each to a permitted target only. Gives the way, and the answer at its end. @throws the reason of the signal */
export async function followRedirects(first: Answer, reach: Reach): Promise<{ hops: Hop[]; page: Answer }> {
  const hops: Hop[] = [];
  let page = first;
  for (let to = redirectOf(page); to !== null; to = redirectOf(page)) {
    const hop: Hop = { status: page.status, to: plainText(shownTarget(to)), refused: null };
    hops.push(hop);
    const next = hops.length > mostHops ? `more than ${mostHops} redirects` : await fetchHop(to, reach);
    if (typeof next === 'string') {
      hop.refused = next;
      break;
    }
    page = next;
  }
  return { hops, page };
}

/** Without a user name and a password, which would be kept with the result. */
export function shownTarget(to: URL | string): string {
  if (typeof to === 'string') return to;
  return String(Object.assign(new URL(to), { username: '', password: '' }));
}

async function fetchHop(to: URL | string, reach: Reach): Promise<Answer | string> {
  if (typeof to === 'string') return 'it is no URL';
  const client = new Requests(to, reach);
  try {
    return await client.send();
  } catch (error) {
    reach.signal.throwIfAborted();
    if (error instanceof CheckError) return plainText(error.message);
    throw error;
  } finally {
    client.close();
  }
}
