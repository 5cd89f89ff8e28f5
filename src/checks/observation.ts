import { setTimeout as pause } from 'node:timers/promises';
import { CheckError } from './check-error.ts';
import { type Connection, type Reach, tryConnection } from './connection.ts';
import { type OldVersion, tryOldVersions } from './old-tls.ts';
import { placeOf } from './place.ts';
import { inWords } from './plain-text.ts';
import type { Plan } from './plan.ts';
import type { Progress } from './progress.ts';
import { followRedirects, type Hop } from './redirects.ts';
import { type Answer, type NoAnswer, Requests } from './requests.ts';
import type { Candidates } from './target.ts';
import { causeOf, isTlsFailure } from './unreachable.ts';

/** What was seen of a server; null stands for what was not looked for, or was not to be had. */
export interface Observation {
  url: URL;
  checkedAt: Date;
  connection: Connection;
  oldVersions: OldVersion[] | null;
  /** All requests in their order; the first was answered. */
  samples: (Answer | NoAnswer)[];
  /** The answer that headers and cookies are judged by: at the end of the redirects, where they were followed. */
  page: Answer | null;
  /** The redirects that were followed. */
  hops: Hop[] | null;
}

/** Looks at a server as the plan says. @throws ForbiddenTargetError; UnreachableError; the reason of the signal */
export async function observe(candidates: Candidates, plan: Plan, reach: Reach, progress: Progress): Promise<Observation> {
  const checkedAt = new Date();
  progress.report(0, `connecting to ${placeOf(candidates[0])}`);
  const { url, connection } = await firstConnection(candidates, reach);
  progress.report(15, `connected to ${placeOf(url)} in ${inWords(connection.tookMs)}`);
  const oldVersions = plan.oldVersions && connection.tls !== null ? await tryOldVersions(url, reach) : null;
  if (oldVersions !== null) progress.report(25, 'tried the old versions of TLS');
  const samples = await takeSamples(url, connection, plan, reach, progress);
  const first = samples.find((sample) => 'status' in sample) ?? null;
  const followed = plan.followRedirects && first !== null ? await followRedirects(first, reach) : null;
  if (followed !== null) progress.report(90, `followed ${followed.hops.length} redirects`);
  reach.signal.throwIfAborted();
  return { url, checkedAt, connection, oldVersions, samples, page: followed?.page ?? first, hops: followed?.hops ?? null };
}

async function firstConnection(candidates: Candidates, reach: Reach): Promise<{ url: URL; connection: Connection }> {
  const failures: CheckError[] = [];
  for (const url of candidates) {
    try {
      return { url, connection: await tryConnection(url, reach) };
    } catch (error) {
      reach.signal.throwIfAborted();
      if (!(error instanceof CheckError)) throw error;
      failures.push(error);
      if (!mayTryNext(error)) break;
    }
  }
  if (failures.length === 1 && failures[0]) throw failures[0];
  const reasons = new Set(failures.map(({ message }) => message));
  throw new CheckError([...reasons].join('; and '), { retryable: failures.some(({ retryable }) => retryable), cause: failures[0] });
}

/** A server without https refuses the connection, or speaks no TLS; and its port for https need not be on the list. */
function mayTryNext(error: CheckError): boolean {
  const code = causeOf(error);
  return !error.retryable || code === 'ECONNREFUSED' || code === 'ECONNRESET' || isTlsFailure(code);
}

async function takeSamples(url: URL, { tls }: Connection, plan: Plan, reach: Reach, progress: Progress): Promise<(Answer | NoAnswer)[]> {
  const endAt = performance.now() + plan.samplingMs;
  const client = new Requests(url, reach, tls?.settings);
  const samples: (Answer | NoAnswer)[] = [];
  try {
    while (samples.length < plan.requests && (samples.length < 2 || performance.now() < endAt)) {
      if (samples.length > 0) await pause(plan.pauseMs, undefined, { signal: reach.signal }).catch(() => reach.signal.throwIfAborted());
      samples.push(samples.length === 0 ? await client.send() : await sendAgain(client, reach));
      progress.report(25 + (60 * samples.length) / plan.requests, `request ${samples.length} of ${plan.requests}: ${outcomeOf(samples)}`);
    }
    return samples;
  } finally {
    client.close();
  }
}

async function sendAgain(client: Requests, reach: Reach): Promise<Answer | NoAnswer> {
  try {
    return await client.send();
  } catch (error) {
    reach.signal.throwIfAborted();
    if (error instanceof CheckError) return { reason: error.message };
    throw error;
  }
}

function outcomeOf(samples: (Answer | NoAnswer)[]): string {
  const last = samples.at(-1);
  return last && 'status' in last ? `${last.status} in ${inWords(last.latencyMs)}` : (last?.reason ?? '');
}
