import type { Answer, NoAnswer } from './requests.ts';

/** Latencies in milliseconds, over those of the `requests` that were answered. */
export interface Latency {
  requests: number;
  answered: number;
  p50: number;
  p95: number;
  max: number;
}

/**
 * Percentiles by nearest rank, to a hundredth of a millisecond; null when none was answered, or there was one only, which
 * is no sample.
 */
export function latencyOf(samples: readonly (Answer | NoAnswer)[]): Latency | null {
  const sorted = samples.flatMap((sample) => ('latencyMs' in sample ? [sample.latencyMs] : [])).toSorted((a, b) => a - b);
  if (samples.length < 2 || sorted.length === 0) return null;
  const at = (share: number): number => Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 100) / 100;
  return { requests: samples.length, answered: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}
