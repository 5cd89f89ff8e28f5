import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { handleProtocols, makeServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Actor } from '../store/index.ts';
import { SendBatch } from './batch-sends.ts';
import { closeCodes } from './close-codes.ts';
import { type Limits, placeOf } from './limits.ts';
import type { ReadProofOptions } from './read-proof.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { SocketConnection } from './socket-connection.ts';
import { type SocketHooksOptions, socketHooks } from './socket-hooks.ts';
import { SocketSession } from './socket-session.ts';

export interface SocketsOptions extends SocketHooksOptions {
  path: string;
  /** Pages of these origins may open a socket, beside those of the service itself. */
  allowedOrigins: readonly string[];
  /** For whom the client of a connection acts. */
  actorOf: (request: IncomingMessage) => Actor;
  limits: Limits;
  /** Largest message, in bytes. */
  maxMessageBytes: number;
  /** With so many bytes unsent, a client that asks for more is closed. */
  maxUnsentBytes: number;
  proof: ReadProofOptions;
}

/** GraphQL over WebSocket (graphql-transport-ws), through the same pipeline as HTTP. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #server: WebSocketServer;
  readonly #protocol: ReturnType<typeof makeServer>;
  readonly #sends = new SendBatch();
  readonly #open = new Set<SocketSession>();
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: options.maxMessageBytes, handleProtocols });
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

  /** Closes every socket, and resolves when all are closed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(
      [...this.#open].map((session) => {
        const gone = new Promise<void>((resolve) => session.connection.onGone(resolve));
        session.leave();
        return gone;
      }),
    );
  }

  #begin(socket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    const { limits, actorOf } = this.#options;
    const connection = new SocketConnection({ ...this.#options, socket, stream, request, sends: this.#sends });
    const place = limits.takeSocket();
    if (typeof place !== 'function') {
      connection.close(closeCodes.tooManySockets, `Too many sockets ${placeOf(place)}`);
      return;
    }
    const session = new SocketSession(connection, actorOf(request), limits);
    this.#open.add(session);
    connection.onGone(() => {
      this.#open.delete(session);
      place();
    });
    connection.onClosed(this.#protocol.opened(connection, session));
  }

  // A page of another site could otherwise talk to the service in its visitor's name. Programs send no Origin.
  #isAllowed({ headers: { origin, host } }: IncomingMessage): boolean {
    if (origin === undefined || this.#options.allowedOrigins.includes(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }
}
