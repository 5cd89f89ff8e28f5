import { setTimeout as sleep } from 'node:timers/promises';
import { readEventStream, type ServerEvent } from './event-stream.ts';

/**
 * What the EventSource of a browser does (https://html.spec.whatwg.org/multipage/server-sent-events.html): asks by GET, comes back with the id of the
 * last event when the connection ends or breaks off, and stops for good at any answer that is no stream, such as 204. It knows nothing of
 * `complete`.
 */
export class EventSource {
  readonly events: ServerEvent[] = [];
  /** The statuses of the answers so far. */
  readonly statuses: number[] = [];
  /** Resolves when it has stopped for good. */
  readonly stopped: Promise<void>;
  readonly #url: string;
  readonly #gone = new AbortController();
  #lastEventId = '';

  constructor(url: string, query: string, variables: object) {
    this.#url = `${url}?${new URLSearchParams({ query, variables: JSON.stringify(variables) })}`;
    this.stopped = this.#run();
  }

  close(): Promise<void> {
    this.#gone.abort();
    return this.stopped;
  }

  async #run(): Promise<void> {
    const { signal } = this.#gone;
    while (!signal.aborted) {
      const isOver = await this.#connect(signal).catch(() => false);
      if (isOver) return;
      await sleep(20, undefined, { signal }).catch(() => {});
    }
  }

  /** Reads to the end of a stream; true when the answer was none. */
  async #connect(signal: AbortSignal): Promise<boolean> {
    const response = await fetch(this.#url, {
      headers: { accept: 'text/event-stream', ...(this.#lastEventId !== '' && { 'last-event-id': this.#lastEventId }) },
      signal,
    });
    this.statuses.push(response.status);
    if (response.status !== 200 || !response.headers.get('content-type')?.startsWith('text/event-stream')) return true;
    await readEventStream(response, (event) => {
      this.#lastEventId = event.id ?? this.#lastEventId;
      this.events.push(event);
    }).ended;
    return false;
  }
}
