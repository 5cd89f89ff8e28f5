import type { SubscribePayload } from 'graphql-ws';
import type { Place } from '../context.ts';
import type { Actor } from '../store/index.ts';
import { type Count, type Limits, type Release, tooManyOperations } from './limits.ts';

/** One operation on a socket. */
export class SocketOperation {
  /** Aborted when the client no longer waits for the operation. */
  readonly #gone = new AbortController();
  readonly #release: Release;
  /** Whether it changes something. */
  isCommand = false;
  /** Where it is worked on, once it is. */
  place: Place | undefined;
  #replaced = false;
  #over = false;
  #working = 0;

  constructor(release: Release) {
    this.#release = release;
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  abort(): void {
    this.#gone.abort();
  }

  /** Lets go of what the operation holds, and never says anything more about it. */
  replace(): void {
    this.#replaced = true;
    this.abort();
    this.end();
  }

  /** Nothing follows any more: the place of the operation is free as soon as the work under way for it has ended. */
  end(): void {
    this.#over = true;
    if (this.#working > 0) return;
    this.place?.leave();
    this.#release();
  }

  /** Does work for the operation, which keeps its place meanwhile. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#working += 1;
    try {
      return await work();
    } finally {
      this.#working -= 1;
      if (this.#over) this.end();
    }
  }

  /** Resolves at once; never where the operation was replaced, since whatever followed would be taken for the later one's. */
  turn(): Promise<void> {
    return this.#replaced ? new Promise(() => {}) : Promise.resolve();
  }

  /** The stream of a subscription, returned as soon as the operation is aborted. */
  async hold<Result extends object>(result: Result): Promise<Result> {
    if (Symbol.asyncIterator in result) {
      const letGo = (): void => void (result as Partial<AsyncIterator<unknown>>).return?.();
      if (this.signal.aborted) letGo();
      else this.signal.addEventListener('abort', letGo, { once: true });
    }
    await this.turn();
    return result;
  }
}

/**
 * The operations of one socket. graphql-ws tells them apart by their ids alone, and mistakes an operation that its client has completed
 * for the next one of the same id while the first has not quite ended: the first would end the second, or stay when the socket is gone.
 */
export class SocketOperations {
  readonly #limits: Limits;
  readonly #count: Count;
  readonly #latest = new Map<string, SocketOperation>();
  readonly #byPayload = new WeakMap<SubscribePayload, SocketOperation>();

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#count = limits.countOfSocket();
  }

  /** Whether an operation that changes something has not been answered yet. */
  get hasCommand(): boolean {
    return [...this.#latest.values()].some(({ isCommand }) => isCommand);
  }

  /**
   * Begins an operation in the place of one of the same id, which the client must have completed.
   * @param bytes how long the message is that asks for it
   * @throws GraphQLError (RATE_LIMITED, OVERLOADED) when there are too many, or too large ones.
   */
  begin(id: string, payload: SubscribePayload, actor: Actor, bytes: number): SocketOperation {
    this.#latest.get(id)?.replace();
    this.#latest.delete(id);
    const operation = new SocketOperation(this.#take(actor, bytes));
    this.#latest.set(id, operation);
    this.#byPayload.set(payload, operation);
    return operation;
  }

  /** Resolves when the operation may be answered; never when it was replaced. */
  async turn(payload: SubscribePayload): Promise<void> {
    await this.#byPayload.get(payload)?.turn();
  }

  /** The last that is said about an operation; never resolves when it was replaced. */
  async end(id: string, payload: SubscribePayload): Promise<void> {
    await this.turn(payload);
    this.forget(id, payload);
  }

  /** Ends an operation about which nothing may be left to say. */
  forget(id: string, payload: SubscribePayload): void {
    const operation = this.#byPayload.get(payload);
    operation?.end();
    if (this.#latest.get(id) === operation) this.#latest.delete(id);
  }

  /** The socket is closed: lets go of all that runs on it. */
  close(): void {
    for (const operation of this.#latest.values()) operation.replace();
    this.#latest.clear();
  }

  #take(actor: Actor, bytes: number): Release {
    const onSocket = this.#count.take('');
    if (typeof onSocket !== 'function') throw tooManyOperations(onSocket);
    const elsewhere = this.#limits.takeOperation(actor, bytes);
    if (typeof elsewhere !== 'function') {
      onSocket();
      throw tooManyOperations(elsewhere);
    }
    return () => {
      onSocket();
      elsewhere();
    };
  }
}
