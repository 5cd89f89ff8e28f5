import { writeFile } from 'node:fs/promises';
import { freePort } from '../support/free-port.ts';
import { type ServiceProcess, startService } from '../support/service-process.ts';

/** A machine that is busy with everything else takes long for it. */
const readyWithinMs = 120_000;

/** An instance of the built service, which comes back at the same port. */
export class Instance {
  readonly url: string;
  readonly #environment: Record<string, string>;
  readonly #log: string;
  #service: ServiceProcess | undefined;
  #printed = '';
  #isWanted = false;
  #deaths: string[] = [];

  private constructor(port: number, environment: Record<string, string>, log: string) {
    this.url = `http://127.0.0.1:${port}/graphql`;
    this.#environment = { ...environment, PORT: String(port) };
    this.#log = log;
  }

  /** @param log the file for what it prints */
  static async start(environment: Record<string, string>, log: string): Promise<Instance> {
    const instance = new Instance(await freePort(), environment, log);
    await instance.start();
    return instance;
  }

  /** How it ended without having been told to. */
  get deaths(): readonly string[] {
    return this.#deaths;
  }

  async start(): Promise<void> {
    const service = startService(this.#environment);
    this.#service = service;
    this.#isWanted = true;
    void service.ended().then(({ code, signal, out, err }) => {
      this.#printed += `${out}${err}`;
      if (this.#isWanted && this.#service === service) this.#deaths.push(`${this.url} ended with ${signal ?? code}`);
    });
    await service.ready(readyWithinMs);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it as an operator does, and writes what it has printed to its file. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await writeFile(this.#log, this.#printed);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isWanted = false;
    await this.#service?.end(signal);
  }
}
