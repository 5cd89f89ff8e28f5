import { setTimeout as pause } from 'node:timers/promises';
import { type Limits, tryConnection } from './connection.ts';
import type { Findings } from './findings.ts';
import { inWords, judge } from './judgement.ts';
import { type Answer, type NoAnswer, Requests } from './requests.ts';
import { placeOf, UnreachableError } from './unreachable.ts';

export interface HealthCheckOptions extends Limits {
  /** How many requests, one after the other. */
  requests: number;
  /** The time between two of them, in milliseconds, so that they are samples and not a burst. */
  pauseMs: number;
}

/** How far a check is, 0 to 100, and what it has just done or does now. */
export interface Step {
  progress: number;
  message: string;
}

/**
 * Checks the HTTP server at a URL: connection and certificate, status and latency over several requests, security headers.
 * Gives its steps on the way and what it found in the end.
 * @throws UnreachableError when the server does not answer; the reason of `signal` when that ends the check.
 */
export async function* checkServer(url: URL, options: HealthCheckOptions): AsyncGenerator<Step, Findings, void> {
  const checkedAt = options.now();
  yield { progress: 5, message: `connecting to ${placeOf(url)}` };
  const connection = await tryConnection(url, options);
  yield { progress: 20, message: `connected in ${inWords(connection.tookMs)}` };
  const client = new Requests(url, options);
  try {
    const first = await client.send();
    if (!('status' in first)) throw new UnreachableError(first.reason);
    const requests: (Answer | NoAnswer)[] = [first];
    yield stepAfter(requests, options.requests);
    while (requests.length < options.requests) {
      await pause(options.pauseMs, undefined, { signal: options.signal });
      requests.push(await client.send());
      yield stepAfter(requests, options.requests);
    }
    return judge({ url, checkedAt, connection, first, requests });
  } finally {
    client.close();
  }
}

function stepAfter(requests: (Answer | NoAnswer)[], planned: number): Step {
  const last = requests.at(-1);
  const outcome = last && 'status' in last ? `${last.status} in ${inWords(last.latencyMs)}` : last?.reason;
  return { progress: 20 + Math.floor((75 * requests.length) / planned), message: `request ${requests.length} of ${planned}: ${outcome}` };
}
