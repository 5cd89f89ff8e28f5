const longest = 300;

/** What a stranger's server said, fit to be kept and shown: no control characters, whole characters only, and clipped. */
export function plainText(text: string): string {
  const clean = text
    .slice(0, longest + 1)
    .replace(/\p{Cc}/gu, '\ufffd')
    .toWellFormed();
  return clean.length > longest ? `${clean.slice(0, longest).toWellFormed()}…` : clean;
}

/** A duration for people. */
export const inWords = (ms: number): string => (ms < 1_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1_000).toFixed(1)} s`);

/** The day of an ISO 8601 time. */
export const dayOf = (time: string): string => time.slice(0, 10);
