import type { SubscribePayload } from 'graphql-ws/client';
import { SharedSocket, type SharedSocketOptions, type Subscriber } from './shared-socket.ts';

/** Most subscriptions on one socket: the service takes 5,000 unless it is told otherwise. */
const mostOnOne = 1_000;

/** The sockets of a client: one for all its subscriptions, unless they are very many. */
export class Sockets {
  readonly #options: SharedSocketOptions;
  readonly #sockets: SharedSocket[] = [];
  #closed = false;

  /** Opens none before the first subscription. */
  constructor(options: SharedSocketOptions) {
    this.#options = options;
  }

  /** Begins a subscription; gives what ends it. See SharedSocket. Once closed, nothing begins any more. */
  subscribe(payload: () => SubscribePayload, subscriber: Subscriber): () => void {
    if (this.#closed) return () => {};
    const socket = this.#sockets.find(({ size }) => size < mostOnOne) ?? this.#add();
    return socket.subscribe(payload, subscriber);
  }

  /** Ends all subscriptions, without a word to them, and resolves when no socket is open any more: after a second at most. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#sockets.map((socket) => socket.close()));
  }

  #add(): SharedSocket {
    const socket = new SharedSocket(this.#options);
    this.#sockets.push(socket);
    return socket;
  }
}
