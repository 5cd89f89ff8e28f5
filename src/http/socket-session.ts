import { GraphQLError } from 'graphql';
import type { Authenticate } from '../auth/authenticator.ts';
import type { Identity } from '../auth/identity.ts';
import { noToken, tokenExpired } from '../auth/refusals.ts';
import type { Logger } from '../store/index.ts';
import { closeCodes } from './close-codes.ts';
import type { LongConnection } from './drain.ts';
import { type Limits, placeOf, type Release } from './limits.ts';
import type { SocketConnection } from './socket-connection.ts';
import { SocketOperations } from './socket-operations.ts';

export interface SocketSessionOptions {
  connection: SocketConnection;
  authenticate: Authenticate;
  limits: Limits;
  /** Gives back its place among the sockets of the process. */
  place: Release;
  /** Called when the client is let in. */
  onAdmitted: () => void;
  log: Logger;
}

type Params = Readonly<Record<string, unknown>> | undefined;

/** How long a socket stays open after its token has expired, in milliseconds: its client can open another before it is closed. */
const farewellMs = 2_000;

/** What the service knows of a client on a socket: the connection, for whom it acts, and what runs on it. */
export class SocketSession implements LongConnection {
  readonly connection: SocketConnection;
  readonly operations: SocketOperations;
  readonly #options: SocketSessionOptions;
  #identity: Identity | undefined;

  constructor(options: SocketSessionOptions) {
    this.connection = options.connection;
    this.operations = new SocketOperations(options.limits);
    this.#options = options;
  }

  /** For whom it acts. @throws GraphQLError (UNAUTHENTICATED) when its token has expired */
  identity(): Identity {
    if (this.#identity === undefined) throw noToken(); // never: graphql-ws takes no operation before it is let in
    if (this.#identity.isExpired) throw tokenExpired();
    return this.#identity;
  }

  /** Lets the client in once it has sent `connection_init` with a good token, or closes the socket, also where its subject has too many. */
  async admit(params: Params): Promise<boolean> {
    const identity = await this.#identify(params);
    if (identity === undefined || !this.connection.isOpen) return false;
    const place = this.#options.limits.takeSocketOf(identity.caller);
    if (typeof place !== 'function') {
      this.connection.close(closeCodes.tooManySocketsOfSubject, `Too many sockets ${placeOf(place)}`);
      return false;
    }
    this.#identity = identity;
    this.connection.onGone(place);
    this.connection.onClosed(identity.whenExpired(() => this.#sayFarewell()));
    this.connection.trust();
    this.#options.onAdmitted();
    return true;
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

  async #identify(params: Params): Promise<Identity | undefined> {
    const { connection, authenticate, log } = this.#options;
    try {
      return await authenticate(authorizationIn(params) ?? connection.request.headers.authorization);
    } catch (error) {
      const isRefused = error instanceof GraphQLError && error.extensions['code'] === 'UNAUTHENTICATED';
      if (!(error instanceof GraphQLError)) log.error({ err: error }, 'a token could not be checked');
      if (isRefused) connection.close(closeCodes.forbidden, error.message);
      else connection.close(closeCodes.tryAgainLater, 'It cannot be found out whether the token is good');
      return undefined;
    }
  }

  /** Its subscriptions have been ended. A client that does not leave by itself is sent away, so that it comes back with another token. */
  #sayFarewell(): void {
    const timer = setTimeout(() => {
      if (this.isChanging) this.#sayFarewell();
      else this.connection.close(closeCodes.forbidden, tokenExpired().message);
    }, farewellMs);
    this.connection.onClosed(() => clearTimeout(timer));
  }
}

/** What stands under `authorization`, whatever the case of its letters; what is no text is no token. */
function authorizationIn(params: Params): string | undefined {
  const [, value] = Object.entries(params ?? {}).find(([name]) => name.toLowerCase() === 'authorization') ?? [];
  return typeof value === 'string' || value === undefined ? value : '';
}
