import type { AssessmentView, UpdateView } from './assessments.ts';
import { isTerminal } from './lifecycle.ts';

/** Longest pause of one timer, in milliseconds; those of JavaScript hold no more than 24 days. */
const longestTimerMs = 600_000;

/** Reads a watch until its assessment has ended, and gives that; undefined when it has not after `timeoutMs`. */
export async function awaitEnd(
  updates: AsyncIterableIterator<UpdateView, undefined>,
  timeoutMs: number,
): Promise<AssessmentView | undefined> {
  const deadline = performance.now() + timeoutMs;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) void updates.return?.();
    else timer = setTimeout(look, Math.min(leftMs, longestTimerMs));
  };
  look();
  try {
    for await (const { assessment } of updates) if (isTerminal(assessment.state)) return assessment;
  } finally {
    clearTimeout(timer);
  }
  return undefined;
}
