import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** How the subscribers of a run behave: restless, until they are to be calm; and until they are to stop, whatever they still wait for. */
export class Mood {
  readonly #calm = new AbortController();
  readonly #stop = new AbortController();

  constructor() {
    setMaxListeners(0, this.#calm.signal, this.#stop.signal); // thousands wait for the same
  }

  get isCalm(): boolean {
    return this.#calm.signal.aborted;
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  calm(): void {
    this.#calm.abort();
  }

  stop(): void {
    this.calm();
    this.#stop.abort();
  }

  /** Gives what takes the callback back. */
  onCalm(callback: () => void): () => void {
    return listen(this.#calm.signal, callback);
  }

  onStop(callback: () => void): () => void {
    return listen(this.#stop.signal, callback);
  }

  /** Waits; no longer than until it is calm. */
  async whileRestless(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#calm.signal }).catch(() => {});
  }

  /** Waits; no longer than until it is over. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

function listen(signal: AbortSignal, callback: () => void): () => void {
  signal.addEventListener('abort', callback, { once: true });
  return () => signal.removeEventListener('abort', callback);
}
