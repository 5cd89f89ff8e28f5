import { setTimeout as sleep } from 'node:timers/promises';

/** What a promise gives; throws when that takes longer. */
export async function within<Value>(ms: number, what: string, promise: Promise<Value>): Promise<Value> {
  const isSettled = new AbortController();
  const late = sleep(ms, undefined, { signal: isSettled.signal }).then(() => {
    throw new Error(`not within ${ms / 1_000} s: ${what}`);
  });
  late.catch(() => {}); // given up
  try {
    return await Promise.race([promise, late]);
  } finally {
    isSettled.abort();
  }
}
