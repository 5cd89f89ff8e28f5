import type { Worker } from './worker.ts';

const signals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Stops the worker when the process is told to end (SIGTERM, SIGINT); the process then ends by itself, unless something else keeps it alive. A second
 * signal ends it at once. Gives a function that takes this back.
 */
export function stopOnSignals(worker: Pick<Worker, 'stop'>): () => void {
  const takeBack = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (): void => {
    takeBack();
    void worker.stop();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return takeBack;
}
