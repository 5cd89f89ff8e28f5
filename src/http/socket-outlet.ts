import type { SocketConnection } from './socket-connection.ts';
import type { Outlet, WaitingForRoom } from './subscription.ts';

const tail = Buffer.from('}');

/** Sends the answers of a subscription over a socket, as `next` messages under its id. */
export class SocketOutlet implements Outlet {
  readonly #connection: SocketConnection;
  readonly #head: Buffer;

  constructor(connection: SocketConnection, id: string) {
    this.#connection = connection;
    this.#head = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`);
  }

  get isFull(): boolean {
    return this.#connection.isFull;
  }

  whenRoom(waiting: WaitingForRoom): void {
    this.#connection.whenRoom(waiting);
  }

  send(payload: Buffer): void {
    this.#connection.writeParts([this.#head, payload, tail]);
  }
}
