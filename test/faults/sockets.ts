import type { ClientRequestArgs } from 'node:http';
import WebSocket, { type ClientOptions } from 'ws';

/** The sockets of one source: which are open, how many there were, and with which codes they were closed. */
export class Sockets {
  readonly open = new Set<WebSocket>();
  readonly closes = new Map<number, number>();
  opened = 0;

  /** A class of sockets that are kept here, for a client that takes one. */
  readonly implementation: unknown;

  constructor() {
    const keep = (socket: WebSocket): void => this.#keep(socket);
    this.implementation = class extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[], options?: ClientOptions | ClientRequestArgs) {
        super(address, protocols, options);
        keep(this);
      }
    };
  }

  #keep(socket: WebSocket): void {
    socket.once('open', () => {
      this.opened += 1;
      this.open.add(socket);
    });
    socket.once('close', (code) => {
      this.open.delete(socket);
      this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
    });
  }
}
