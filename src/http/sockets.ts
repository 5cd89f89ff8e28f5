import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { handleProtocols, makeServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Authenticate } from '../auth/authenticator.ts';
import { SendBatch } from './batch-sends.ts';
import { closeCodes } from './close-codes.ts';
import { type Excess, type Limits, placeOf, type Release } from './limits.ts';
import type { ReadProofOptions } from './read-proof.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { SocketConnection } from './socket-connection.ts';
import { type SocketHooksOptions, socketHooks } from './socket-hooks.ts';
import { SocketSession } from './socket-session.ts';

export interface SocketsOptions extends SocketHooksOptions {
  path: string;
  /** Pages of these origins may open a socket, beside those of the service itself. */
  allowedOrigins: readonly string[];
  authenticate: Authenticate;
  limits: Limits;
  /** Largest message, in bytes. */
  maxMessageBytes: number;
  /** With so many bytes unsent, nothing is added: the client is closed. */
  maxUnsentBytes: number;
  proof: ReadProofOptions;
}

// Without compression, which would cost memory for every socket, and a message of its own for everybody who is told the same.
const serverOptions = { noServer: true, clientTracking: false, perMessageDeflate: false, handleProtocols } as const;
/** How often a stop looks whether changes have been answered, in milliseconds. */
const stopLookMs = 20;

/** GraphQL over WebSocket (graphql-transport-ws), through the same pipeline as HTTP. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #server: WebSocketServer;
  readonly #protocol: ReturnType<typeof makeServer>;
  readonly #sends = new SendBatch();
  readonly #open = new Set<SocketSession>();
  /** Of these those that have not sent `connection_init`, the oldest first. */
  readonly #strangers = new Set<SocketSession>();
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ ...serverOptions, maxPayload: options.maxMessageBytes });
    this.#protocol = makeServer(socketHooks(options));
    this.#lookMs = Math.max(1, Math.min(4_000, options.proof.keepAliveMs, options.proof.slowClientMs) / 4);
  }

  /** Begins to look after the clients. */
  start(): void {
    this.#timer ??= setInterval(() => this.runOnce(), this.#lookMs);
  }

  /** Looks once after every client: whether it is still there, and reads. */
  runOnce(): void {
    for (const { connection } of this.#open) connection.look(this.#lookMs);
  }

  /** Takes over a connection that asks to become a WebSocket, or answers why not. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', (error) => this.#options.log.debug({ err: error }, 'a connection broke off during its upgrade'));
    // Not by `new URL`: it throws on what a client may well send, such as `//`.
    const [path] = (request.url ?? '/').split('?', 1);
    if (path !== this.#options.path) refuseUpgrade(stream, 404, `WebSockets are served at ${this.#options.path}`);
    else if (!this.#isAllowed(request)) refuseUpgrade(stream, 403, 'Pages of this origin may not open a socket here');
    else this.#server.handleUpgrade(request, stream, head, (socket) => this.#begin(socket, stream, request));
  }

  get size(): number {
    return this.#open.size;
  }

  /** Those that are open, in the order in which they were opened. */
  open(): SocketSession[] {
    return [...this.#open].filter(({ connection }) => connection.isOpen);
  }

  /**
   * Closes every socket, those with a change under way as soon as it has been answered; resolves when all connections are gone. Somebody
   * else has to cut off those that take too long.
   */
  async stop(): Promise<void> {
    for (const { connection } of this.#open) connection.ignore();
    while (this.#open.size > 0) {
      for (const session of this.open()) if (!session.isChanging) session.leave();
      await sleep(stopLookMs);
    }
    clearInterval(this.#timer);
  }

  #begin(socket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    const { limits, authenticate, log } = this.#options;
    const connection = new SocketConnection({ ...this.#options, socket, stream, request, sends: this.#sends });
    const place = this.#takePlace();
    if (typeof place !== 'function') {
      connection.close(closeCodes.tooManySockets, `Too many sockets ${placeOf(place)}`);
      return;
    }
    const onAdmitted = (): void => void this.#strangers.delete(session);
    const session = new SocketSession({ connection, authenticate, limits, place, onAdmitted, log });
    this.#open.add(session);
    this.#strangers.add(session);
    connection.onClosed(() => {
      this.#strangers.delete(session);
      session.operations.close();
    });
    connection.onGone(() => {
      this.#open.delete(session);
      session.givePlace();
    });
    const closed = this.#protocol.opened(connection, session);
    connection.onClosed(
      () => void closed().catch((error: unknown) => log.error({ err: error }, 'what ran on a socket could not be ended')),
    );
  }

  /** A place for one more socket; where there is none, that of the one which has waited longest without saying who it is. */
  #takePlace(): Release | Excess {
    const place = this.#options.limits.takeSocket();
    if (typeof place === 'function') return place;
    const [oldest] = this.#strangers;
    if (oldest === undefined) return place;
    oldest.connection.close(closeCodes.tooManySockets, `Too many sockets ${placeOf(place)}`);
    oldest.givePlace();
    return this.#options.limits.takeSocket();
  }

  // A page of another site could otherwise talk to the service in its visitor's name. Programs send no Origin.
  #isAllowed({ headers: { origin, host } }: IncomingMessage): boolean {
    if (origin === undefined || this.#options.allowedOrigins.includes(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }
}
