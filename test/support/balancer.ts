import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How often it asks whether an instance is ready, in milliseconds. */
const checkMs = 100;
/** So many times in a row it must not be: as `fall` of HAProxy. */
const fall = 2;

/** A load balancer on a free port of 127.0.0.1: each new connection goes to the next instance that is ready. */
export class Balancer {
  readonly #instances: { url: string; failures: number }[];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer({ noDelay: true }, (client) => this.#relay(client));
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  private constructor(urls: readonly string[]) {
    this.#instances = urls.map((url) => ({ url, failures: 0 }));
  }

  /** Starts one before the instances with these URLs. */
  static async before(urls: readonly string[]): Promise<Balancer> {
    const balancer = new Balancer(urls);
    await once(balancer.#server.listen(0, '127.0.0.1'), 'listening');
    balancer.#timer = setInterval(() => void balancer.#check(), checkMs);
    await balancer.#check();
    return balancer;
  }

  /** Where the API is. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}/graphql`;
  }

  /** Whether it sends new connections to an instance. */
  uses(url: string): boolean {
    return this.#instances.some((instance) => instance.url === url && instance.failures < fall);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #check(): Promise<void> {
    await Promise.all(
      this.#instances.map(async (instance) => {
        const answer = await fetch(new URL('/health/ready', instance.url)).catch(() => undefined);
        instance.failures = answer?.status === 200 ? 0 : instance.failures + 1;
      }),
    );
  }

  #relay(client: Socket): void {
    this.#keep(client);
    const ready = this.#instances.filter(({ failures }) => failures < fall);
    const instance = ready[this.#next++ % ready.length];
    if (instance === undefined) {
      client.destroy();
      return;
    }
    const { hostname, port } = new URL(instance.url);
    const upstream = connect({ port: Number(port), host: hostname, noDelay: true });
    this.#keep(upstream);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroySoon());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // seen by the client
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
