import type { AssessmentOptions } from '../store/index.ts';
import { budgetMsOf } from './options.ts';
import type { CheckRequest } from './run-check.ts';

/** What to look at. */
export interface Plan {
  requests: number;
  /** The time between two requests, in milliseconds, so that they are samples and not a burst. */
  pauseMs: number;
  /** The time after which no further request is begun, in milliseconds; two are made in any case. */
  samplingMs: number;
  /** Whether to try the old versions of TLS. */
  oldVersions: boolean;
  followRedirects: boolean;
}

const samples = 10;
const deepSamples = 30;
const pauseMs = 100;

/** What a check of a type looks at with these options. */
export function planOf(type: CheckRequest['type'], options: AssessmentOptions): Plan {
  const { checkServerStatus, validateConfig, deepScan } = options;
  // The headers come with any answer. A security check has no use for the latency of more.
  const needsHeaders = type !== 'HEALTH' || validateConfig;
  const sampled = checkServerStatus && type !== 'SECURITY';
  const requests = sampled ? (deepScan ? deepSamples : samples) : needsHeaders ? 1 : 0;
  // A slow server is to be found slow, and not to use up the time for all the rest.
  const samplingMs = budgetMsOf(options) / 2;
  return { requests, pauseMs, samplingMs, oldVersions: deepScan, followRedirects: deepScan };
}
