/**
 * Does some work with a signal that ends it after `limitMs`, with `late()` as the reason, or when `parent` ends, with its reason. A timer of its own, since
 * Node may collect what AbortSignal.any and AbortSignal.timeout make while it is waited for.
 * @throws what the work throws; it has to heed the signal.
 */
export async function withTimeLimit<Result>(
  { parent, limitMs, late }: { parent: AbortSignal; limitMs: number; late: () => Error },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  parent.throwIfAborted();
  const ending = new AbortController();
  const endWithParent = (): void => ending.abort(parent.reason);
  parent.addEventListener('abort', endWithParent, { once: true });
  const timer = setTimeout(() => ending.abort(late()), limitMs);
  try {
    return await work(ending.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener('abort', endWithParent);
  }
}
