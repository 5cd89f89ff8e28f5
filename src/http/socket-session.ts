import type { Actor } from '../store/index.ts';
import { closeCodes } from './close-codes.ts';
import type { LongConnection } from './drain.ts';
import { type Limits, placeOf, type Release } from './limits.ts';
import type { SocketConnection } from './socket-connection.ts';
import { SocketOperations } from './socket-operations.ts';

export interface SocketSessionOptions {
  connection: SocketConnection;
  actor: Actor;
  limits: Limits;
  /** Gives back its place among the sockets of the process. */
  place: Release;
  /** Called when the client is let in. */
  onAdmitted: () => void;
}

/** What the service knows of a client on a socket: the connection, for whom it acts, and what runs on it. */
export class SocketSession implements LongConnection {
  readonly connection: SocketConnection;
  readonly actor: Actor;
  readonly operations: SocketOperations;
  readonly #options: SocketSessionOptions;

  constructor(options: SocketSessionOptions) {
    this.connection = options.connection;
    this.actor = options.actor;
    this.operations = new SocketOperations(options.limits);
    this.#options = options;
  }

  /** Lets the client in once it has sent `connection_init`, or closes the socket where its subject has too many. */
  admit(): boolean {
    const place = this.#options.limits.takeSocketOf(this.actor);
    if (typeof place === 'function') {
      this.connection.onGone(place);
      this.connection.trust();
      this.#options.onAdmitted();
    } else this.connection.close(closeCodes.tooManySocketsOfSubject, `Too many sockets ${placeOf(place)}`);
    return typeof place === 'function';
  }

  givePlace(): void {
    this.#options.place();
  }

  /** Whether a change that was asked for on this socket has not been answered yet: closed now, its client would ask for it again. */
  get isChanging(): boolean {
    return this.operations.hasCommand;
  }

  /** Sends the client away: the instance stops, another one will serve it. */
  leave(): void {
    this.connection.close(closeCodes.goingAway, 'Going away');
  }
}
