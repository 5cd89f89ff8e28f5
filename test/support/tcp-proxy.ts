import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on a free port of 127.0.0.1, for tests that take a server away and give it back. */
export class TcpProxy {
  #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #silent = false;
  #connections = 0;

  private constructor(url: string) {
    this.#target = targetOf(url);
  }

  /** Starts a proxy in front of the server of a URL. */
  static async before(url: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(url);
    await proxy.restore();
    return proxy;
  }

  /** How many connections it has taken since it was restored. */
  get connections(): number {
    return this.#connections;
  }

  /** The URL with the proxy in place of its server. */
  through(url: string): string {
    return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(this.#port) }).href;
  }

  /** From now on new connections go to the server of this URL: where a server comes back at another port. */
  aim(url: string): void {
    this.#target = targetOf(url);
  }

  /** As if the server had died: every connection is reset, and none is taken. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    if (server === undefined) return;
    server.close();
    await once(server, 'close');
  }

  /** As if the network had gone: connections stay open and new ones are taken, but nothing passes any more. */
  fallSilent(): void {
    this.#silent = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** As if the network had come back: what comes from now on passes; what was silent stays silent. */
  speak(): void {
    this.#silent = false;
  }

  /** Takes connections, on the same port as before. What was silent is reset, as a network does that has forgotten it. */
  async restore(): Promise<void> {
    if (this.#silent) await this.cut();
    this.#silent = false;
    this.#connections = 0;
    if (this.#server !== undefined) return;
    this.#server = createServer((client) => this.#relay(client)).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as { port: number }).port;
  }

  /** Ends the proxy and every connection through it. */
  stop(): Promise<void> {
    return this.cut();
  }

  #relay(client: Socket): void {
    this.#keep(client);
    this.#connections += 1;
    if (this.#silent) return;
    const upstream = connect(this.#target);
    this.#keep(upstream);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // a reset is what the test wanted
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function targetOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 5432) };
}
