import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { eventually } from '../support/eventually.ts';
import { isRunning, postgresPid } from '../support/service-process.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A PostgreSQL of the run's own, which is reached at the same address wherever it comes back. */
export class OwnPostgres {
  readonly #dataDir: string;
  readonly #proxy: TcpProxy;
  #server: EmbeddedPostgres;

  private constructor(dataDir: string, server: EmbeddedPostgres, proxy: TcpProxy) {
    this.#dataDir = dataDir;
    this.#server = server;
    this.#proxy = proxy;
  }

  /** @param folder where its data go; the account `postgres` must get at it when we are root */
  static async start(folder: string): Promise<OwnPostgres> {
    const dataDir = join(folder, 'postgres');
    const server = await startEmbeddedPostgres({ dataDir, log: silent });
    return new OwnPostgres(dataDir, server, await TcpProxy.before(server.url));
  }

  get url(): string {
    return this.#proxy.through(this.#server.url);
  }

  /** Ends it at once, as a crash does: what it has not written down it must find in its log again. */
  async crash(): Promise<void> {
    const pid = await postgresPid(this.#server.dataFolder);
    process.kill(pid, 'SIGQUIT');
    await eventually('PostgreSQL has ended', async () => !(await isRunning(pid)));
    await this.#server.stop();
  }

  async startAgain(): Promise<void> {
    this.#server = await startEmbeddedPostgres({ dataDir: this.#dataDir, log: silent });
    this.#proxy.aim(this.#server.url);
  }

  async stop(): Promise<void> {
    await this.#proxy.stop();
    await this.#server.stop();
  }
}
