import type { Worker } from './worker.ts';

const signals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Stops the worker when the process is told to end (SIGTERM, SIGINT), then calls `afterwards`, to close what the worker needed; the process then ends
 * by itself, unless something else keeps it alive. A second signal ends it at once. Gives a function that takes this back.
 */
export function stopOnSignals(worker: Worker, afterwards: () => unknown = () => {}): () => void {
  const takeBack = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (): void => {
    takeBack();
    void worker.stop().then(afterwards);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return takeBack;
}
