/** How a client proves that it reads, in milliseconds. */
export interface ReadProofOptions {
  /** After so long without a ping there is one. */
  keepAliveMs: number;
  /** So long a client may leave pings unanswered. */
  slowClientMs: number;
}

/** After so many bytes there is a ping: who reads that much while `slowClientMs` passes proves that it reads. */
export const strideBytes = 64 * 1024;

/**
 * Proof that the client of a socket reads. What the system takes from us proves nothing: megabytes wait in its buffers and in those of
 * proxies. But a client answers a ping only when it has read all that was sent before. So pings ride along with the data, close enough
 * together that a client that reads slowly answers one now and then, and one that does not read answers none.
 *
 * Time is counted only as often as the process looks, so that a process that was busy or suspended does not blame its clients.
 */
export class ReadProof {
  readonly #options: ReadProofOptions;
  readonly #ping: (payload: string) => void;
  #sent = 0;
  #answered = 0;
  #silentMs = 0;
  #quietMs: number;
  #bytes = 0;

  constructor(options: ReadProofOptions, ping: (payload: string) => void) {
    this.#options = options;
    this.#ping = ping;
    // Sockets that were opened together are not all pinged together.
    this.#quietMs = Math.random() * options.keepAliveMs;
  }

  /** Rises whenever the client has proved that it reads. */
  get count(): number {
    return this.#answered;
  }

  /** To be called after so many bytes were sent. */
  wrote(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= strideBytes) this.#send();
  }

  /** To be called when a pong comes. One that answers no ping proves nothing. */
  pong(payload: string): void {
    const answered = Number(payload);
    if (!(answered > this.#answered && answered <= this.#sent)) return;
    this.#answered = answered;
    this.#silentMs = 0;
  }

  /** To be called every so often; pings when that is due. Gives false when the client has read nothing for too long. */
  look(elapsedMs: number): boolean {
    this.#quietMs += elapsedMs;
    if (this.#answered < this.#sent) this.#silentMs += elapsedMs;
    else if (this.#quietMs >= this.#options.keepAliveMs) this.#send();
    return this.#silentMs < this.#options.slowClientMs;
  }

  #send(): void {
    if (this.#answered === this.#sent) this.#silentMs = 0;
    this.#sent += 1;
    this.#bytes = 0;
    this.#quietMs = 0;
    this.#ping(String(this.#sent));
  }
}
