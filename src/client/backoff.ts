export interface BackoffOptions {
  retryBaseMs: number;
  retryCapMs: number;
}

/** How long to wait before the nth repeat (from 0), in milliseconds: exponential with full jitter, so that those who failed together come back apart. */
export const backoffMs = ({ retryBaseMs, retryCapMs }: BackoffOptions, n: number): number =>
  Math.random() * Math.min(retryCapMs, retryBaseMs * 2 ** Math.min(n, 30));

/** As long as the service asks for, and up to half of that more. */
export const askedForMs = (retryAfterMs: number): number => retryAfterMs * (1 + Math.random() / 2);

/** Waits; ends at once when the signal is aborted. @throws the signal's reason */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
