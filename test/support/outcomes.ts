/** The error that a promise is rejected with; throws when it is not rejected. */
export async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === 'rejected') return outcome.reason;
  throw new Error(`not refused, but answered with ${JSON.stringify(outcome.value)}`);
}

/** The answers and the errors of calls that were made at once. */
export async function settle<T>(calls: readonly Promise<T>[]): Promise<{ answers: T[]; errors: unknown[] }> {
  const outcomes = await Promise.allSettled(calls);
  return {
    answers: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    errors: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : [])),
  };
}
