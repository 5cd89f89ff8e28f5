import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, type WebSocket as ProtocolSocket } from 'graphql-ws';
import type { RawData, WebSocket } from 'ws';
import type { Logger } from '../store/index.ts';
import type { SendBatch } from './batch-sends.ts';
import { closeCodes } from './close-codes.ts';
import { limitArrivals } from './limit-arrivals.ts';
import { ReadProof, type ReadProofOptions, strideBytes } from './read-proof.ts';
import type { WaitingForRoom } from './subscription.ts';
import type { HttpTelemetry } from './telemetry.ts';
import { textFrame } from './text-frame.ts';

export interface SocketConnectionOptions {
  socket: WebSocket;
  /** The connection below the socket. */
  stream: Duplex;
  request: IncomingMessage;
  sends: SendBatch;
  proof: ReadProofOptions;
  /** With so many bytes unsent, nothing is added: the client is closed. */
  maxUnsentBytes: number;
  telemetry: HttpTelemetry;
  log: Logger;
}

/** How long a client whose socket is closed may read nothing before its connection is cut off, in milliseconds. */
const goodbyeMs = 3_000;
/** So much a client may send before it has said who it is, in bytes: a token fits, many times. */
const strangerBytes = 64 * 1024;

/** One open WebSocket, as graphql-ws uses it: messages that come in, messages that go out, whether its client reads, and its end. */
export class SocketConnection implements ProtocolSocket {
  readonly #options: SocketConnectionOptions;
  readonly #socket: WebSocket;
  readonly #proof: ReadProof;
  readonly #whenClosed: (() => void)[] = [];
  readonly #waiting: WaitingForRoom[] = [];
  /** How many of those who wait have waited since before the last look. */
  #waitingLong = 0;
  readonly #unlimit: () => void;
  #leaving = false;
  #heeds = true;
  #messageBytes = 0;

  constructor(options: SocketConnectionOptions) {
    const { socket, stream, sends, proof, log } = options;
    this.#options = options;
    this.#socket = socket;
    this.#proof = new ReadProof(proof, (payload) => {
      sends.hold(stream);
      socket.ping(payload);
    });
    socket.on('pong', (payload) => this.#proof.pong(String(payload)));
    stream.on('drain', () => this.#makeRoom());
    socket.once('close', () => this.#leave());
    this.#unlimit = limitArrivals(stream, strangerBytes, () => {
      this.close(closeCodes.tooLarge, `More than ${strangerBytes} bytes before connection_init`);
      socket.pause(); // or the rest would be kept until the message is whole
    });
    // What a client did wrong, such as too large a message; ws closes the socket by itself.
    socket.on('error', (error) => {
      log.debug({ err: error }, 'a socket broke off');
      this.#leave();
    });
  }

  get request(): IncomingMessage {
    return this.#options.request;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /** How long the message is that came last. */
  get messageBytes(): number {
    return this.#messageBytes;
  }

  /** Whether messages can still be sent. */
  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Bytes that were sent and that the system has not taken yet: more than a little when the client reads more slowly than it is sent to. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Whether so much waits to be taken by the system that nothing should be added. */
  get isFull(): boolean {
    return this.#options.stream.writableNeedDrain;
  }

  /** Calls back when it is no longer full: those who wait, in turn, each for as long as there is room. */
  whenRoom(waiting: WaitingForRoom): void {
    this.#waiting.push(waiting);
  }

  /** Sends a message; resolves when the system has taken it, or the socket is closed. */
  send(message: string): Promise<void> {
    return new Promise((resolve) => this.write(message, resolve));
  }

  /** As `send`, without a promise: calls back instead. A large message goes in several frames, with pings between them. */
  write(message: string | Buffer, taken?: () => void): void {
    const { maxUnsentBytes } = this.#options;
    if (this.unsentBytes > maxUnsentBytes) this.close(closeCodes.slowClient, `More than ${maxUnsentBytes} bytes are waiting to be read`);
    if (!this.isOpen) taken?.();
    else if (message.length < strideBytes) this.#frame(message, true, taken);
    else {
      const bytes = typeof message === 'string' ? Buffer.from(message) : message;
      for (let from = 0; from < bytes.length; from += strideBytes) {
        const last = from + strideBytes >= bytes.length;
        this.#frame(bytes.subarray(from, from + strideBytes), last, last ? taken : undefined);
      }
    }
  }

  /** As `write`, of UTF-8 in parts. */
  writeParts(parts: readonly Buffer[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length >= strideBytes) this.write(Buffer.concat(parts));
    else if (this.isOpen) {
      const { sends, stream } = this.#options;
      sends.hold(stream);
      stream.write(textFrame(parts));
      this.#proof.wrote(length);
    }
  }

  /** Closes the socket: what runs on it is let go of at once, and the connection cut off where the client does not read the close. */
  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.#options.log.debug({ code, reason }, 'a socket is closed');
    this.#options.telemetry.socketClosed(code);
    this.#socket.close(code, reason);
    this.#leave();
  }

  /** Takes messages of any allowed size from now on: it is known who sends them. */
  trust(): void {
    this.#unlimit();
  }

  /** Takes no more messages. */
  ignore(): void {
    this.#heeds = false;
  }

  onMessage(handle: (message: string) => Promise<void>): void {
    this.#socket.on('message', (data: RawData, isBinary: boolean) => {
      if (!this.isOpen || !this.#heeds) return;
      this.#messageBytes = (data as Buffer).byteLength; // as long as ws gives whole messages, which it does unless told otherwise
      if (isBinary) this.close(closeCodes.notText, 'Messages must be text');
      else handle(String(data)).catch((error: unknown) => this.#refuse(error));
    });
  }

  /** To be called every so often: keeps the connection alive, and closes it when its client does not read. */
  look(elapsedMs: number): void {
    // Where the client began to close, ws tells of that only when the connection is gone.
    if (!this.isOpen) this.#leave();
    if (!this.isOpen) return;
    for (let index = 0; index < this.#waitingLong; index++) this.#waiting[index]?.rest();
    this.#waitingLong = this.#waiting.length;
    if (this.#proof.look(elapsedMs)) return;
    this.close(closeCodes.slowClient, `Nothing was read for ${this.#options.proof.slowClientMs} ms`);
  }

  /** Calls back once the socket closes, whoever began that, or has broken off: nothing can be sent any more. */
  onClosed(callback: () => void): void {
    if (this.#leaving) callback();
    else this.#whenClosed.push(callback);
  }

  /** Calls back when the connection is gone. */
  onGone(callback: () => void): void {
    if (this.#socket.readyState === this.#socket.CLOSED) callback();
    else this.#socket.once('close', callback);
  }

  #frame(data: string | Buffer, fin: boolean, taken?: () => void): void {
    this.#options.sends.hold(this.#options.stream);
    this.#socket.send(data, { fin, binary: false }, taken && (() => taken()));
    this.#proof.wrote(data.length);
  }

  #makeRoom(): void {
    // Who is not done goes to the end of the line, so that each has its turn.
    while (this.#waiting.length > 0 && !this.isFull) {
      this.#waitingLong = Math.max(0, this.#waitingLong - 1);
      this.#waiting.shift()?.more();
    }
  }

  #refuse(error: unknown): void {
    // The only message that graphql-ws reads and then throws at: one that only a server may send.
    if (error instanceof Error && error.message.startsWith('Unexpected message')) this.close(CloseCode.BadRequest, error.message);
    else {
      this.#options.log.error({ err: error }, 'a message of a socket could not be handled');
      this.close(CloseCode.InternalServerError, 'Internal server error');
    }
  }

  /** Tells that it closes, and cuts the connection off as soon as its client does not go on reading towards the close. */
  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    for (const callback of this.#whenClosed.splice(0)) callback();
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    let proved = this.#proof.count;
    const looking = setInterval(() => {
      if (this.#proof.count === proved) this.#socket.terminate();
      proved = this.#proof.count;
    }, goodbyeMs);
    this.#socket.once('close', () => clearInterval(looking));
  }
}
