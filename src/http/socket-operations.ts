import type { Context as SocketContext, SubscribePayload } from 'graphql-ws';

/** One operation on a socket. */
export class SocketOperation {
  /** Aborted when the client no longer waits for the operation. */
  readonly #gone = new AbortController();
  #replaced = false;

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
 * The operations of each socket. graphql-ws tells them apart by their ids alone, and mistakes an operation that its client has completed
 * for the next one of the same id while the first has not quite ended: the first would end the second, or stay when the socket is gone.
 */
export class SocketOperations {
  readonly #latest = new WeakMap<SocketContext, Map<string, SocketOperation>>();
  readonly #byPayload = new WeakMap<SubscribePayload, SocketOperation>();

  /** Begins an operation in the place of one of the same id, which the client must have completed. */
  begin(socket: SocketContext, id: string, payload: SubscribePayload): SocketOperation {
    const latest = this.#latest.get(socket) ?? new Map<string, SocketOperation>();
    this.#latest.set(socket, latest);
    latest.get(id)?.replace();
    const operation = new SocketOperation();
    latest.set(id, operation);
    this.#byPayload.set(payload, operation);
    return operation;
  }

  /** Resolves when the operation may be answered; never when it was replaced. */
  async turn(payload: SubscribePayload): Promise<void> {
    await this.#byPayload.get(payload)?.turn();
  }

  /** The last that is said about an operation; never resolves when it was replaced. */
  async end(socket: SocketContext, id: string, payload: SubscribePayload): Promise<void> {
    await this.turn(payload);
    const latest = this.#latest.get(socket);
    if (latest?.get(id) === this.#byPayload.get(payload)) latest?.delete(id);
  }
}
