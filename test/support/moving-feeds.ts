import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const document = 'subscription ($after: String) { assessmentFeed(after: $after) { cursor assessment { assessmentId version } } }';

interface Told {
  data?: { assessmentFeed: { cursor: string; assessment: { assessmentId: string; version: number } } } | null;
  errors?: readonly unknown[] | undefined;
}

/** One that follows all changes and goes on, after its cursor, wherever it is let in, whenever it is cut off. */
export abstract class MovingFeed {
  /** What came, as "assessmentId version". */
  readonly versions: string[] = [];
  /** How often it was begun. */
  pieces = 0;
  /** What ended its pieces, other than a cut. */
  readonly refusals: unknown[] = [];
  protected cursor: string | undefined;
  #stopped = false;
  #reading: Promise<void> | undefined;

  /** @param cursor it begins after it */
  constructor(cursor: string) {
    this.cursor = cursor;
  }

  start(): this {
    this.#reading = this.#read();
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.leave();
    await this.#reading;
  }

  /** Reads one piece, until it is cut off. */
  protected abstract readOn(): Promise<void>;

  protected abstract leave(): void;

  protected take({ data, errors }: Told): void {
    if (errors !== undefined || !data) {
      this.refusals.push(errors);
      return;
    }
    const { cursor, assessment } = data.assessmentFeed;
    this.cursor = cursor;
    this.versions.push(`${assessment.assessmentId} ${assessment.version}`);
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      this.pieces += 1;
      await this.readOn().catch(() => {}); // it goes on
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
    }
  }
}

/** Over a socket of its own. */
export class SocketFeed extends MovingFeed {
  readonly #url: string;
  #leave = (): void => {};

  constructor(url: string, cursor: string) {
    super(cursor);
    this.#url = url.replace('http', 'ws');
  }

  protected override async readOn(): Promise<void> {
    const client = createClient({ url: this.#url, webSocketImpl: WebSocket, retryAttempts: 0 });
    this.#leave = () => void client.dispose();
    for await (const told of client.iterate({ query: document, variables: { after: this.cursor } })) this.take(told as Told);
  }

  protected override leave(): void {
    this.#leave();
  }
}

/** Over server-sent events, as an EventSource does it: always the same request, and the id of the last event. */
export class EventFeed extends MovingFeed {
  readonly #url: string;
  readonly #begin: string;
  readonly #left = new AbortController();
  #lastId: string | undefined;

  constructor(url: string, cursor: string) {
    super(cursor);
    this.#url = url;
    this.#begin = cursor;
  }

  protected override async readOn(): Promise<void> {
    const variables = encodeURIComponent(JSON.stringify({ after: this.#begin }));
    const response = await fetch(`${this.#url}?query=${encodeURIComponent(document)}&variables=${variables}`, {
      headers: { accept: 'text/event-stream', ...(this.#lastId !== undefined && { 'last-event-id': this.#lastId }) },
      signal: this.#left.signal,
    });
    if (response.status !== 200) throw new Error(`the stream is answered with ${response.status}`);
    let rest = '';
    for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (rest + text).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) this.#takeEvent(event);
    }
  }

  protected override leave(): void {
    this.#left.abort();
  }

  #takeEvent(event: string): void {
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data !== undefined) this.take(JSON.parse(data) as Told);
    else if (event.startsWith('event: complete')) this.refusals.push('it was completed');
    this.#lastId = /^id: (.*)$/m.exec(event)?.[1] ?? this.#lastId;
  }
}
