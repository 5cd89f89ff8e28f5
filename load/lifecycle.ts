// One assessment's lifecycle, the whole way through GraphQL: created by a submitter, claimed and completed by a worker in another process, known to
// the submitter by its subscription. The service is a third process. Prints one line of JSON. See README.md.
//   tsx load/lifecycle.ts closed|open
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Client } from 'graphql-ws';
import { createLoadDatabase, findPostgres } from './support/database.ts';
import { quantile } from './support/figures.ts';
import { operations, requestOf } from './support/operations.ts';
import { startService } from './support/service.ts';
import { setting } from './support/settings.ts';
import { openSocket, run } from './support/socket.ts';

const modes = ['closed', 'open'] as const;
type Mode = (typeof modes)[number];

const submitters = setting('SUBMITTERS', 64);
const seconds = setting('SECONDS', 6);
const rate = setting('RATE', 100);
const warmUps = setting('WARMUP', 2_000);
const giveUpMs = 15_000;

interface Update {
  assessmentUpdated: { assessment: { state: string; terminal: boolean } };
}

/** Resolves with the state in which the assessment ended, when its subscription says so; undefined when that takes too long. */
function ended(client: Client, id: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let state: string | undefined;
    const unsubscribe = client.subscribe<Update>(
      { query: operations.updates, variables: { id } },
      {
        next: ({ data, errors }) => {
          if (errors !== undefined) reject(new Error(`the subscription failed: ${JSON.stringify(errors)}`));
          if (data?.assessmentUpdated.assessment.terminal) state = data.assessmentUpdated.assessment.state;
        },
        error: (reason) => reject(reason instanceof Error ? reason : new Error(`the subscription broke off: ${JSON.stringify(reason)}`)),
        complete: () => {
          clearTimeout(giveUp);
          resolve(state);
        },
      },
    );
    const giveUp = setTimeout(unsubscribe, giveUpMs);
  });
}

class Submitters {
  readonly #client: Client;
  readonly #waitsMs: number[] = [];
  #made = 0;
  #never = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** From submitting it to knowing its end. */
  async one(): Promise<void> {
    const id = `load-${process.pid}-${++this.#made}`;
    const begun = performance.now();
    await run(this.#client, operations.create, { input: requestOf(id) });
    if ((await ended(this.#client, id)) !== 'COMPLETED') this.#never++;
    this.#waitsMs.push(performance.now() - begun);
  }

  /** So many at a time, each goes on as soon as it knows, until `enough`. */
  async closed(enough: () => boolean): Promise<void> {
    await Promise.all(
      Array.from({ length: submitters }, async () => {
        while (!enough()) await this.one();
      }),
    );
  }

  /** So many a second, whether or not the earlier ones have ended. */
  async open(): Promise<void> {
    const begun = performance.now();
    const pending: Promise<void>[] = [];
    for (let i = 0; i < rate * seconds; i++) {
      const earlyMs = begun + (i * 1000) / rate - performance.now();
      if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyMs));
      pending.push(this.one());
    }
    await Promise.all(pending);
  }

  async measure(mode: Mode): Promise<Record<string, number | undefined>> {
    await this.closed(() => this.#made >= warmUps);
    this.#waitsMs.length = this.#never = 0;
    const begun = performance.now();
    if (mode === 'closed') await this.closed(() => performance.now() - begun >= seconds * 1000);
    else await this.open();
    const wallMs = performance.now() - begun;
    const waits = this.#waitsMs;
    const ms = (p: number): number => Number(quantile(waits, p)?.toFixed(1));
    return {
      completed: waits.length,
      per_s: Math.round((waits.length / wallMs) * 1000),
      ...{ p50_ms: ms(0.5), p99_ms: ms(0.99), max_ms: ms(1) },
      over_1s: waits.filter((wait) => wait > 1000).length,
      never: this.#never,
    };
  }
}

async function measure(url: string, mode: Mode): Promise<Record<string, number | undefined>> {
  const worker = fork(join(import.meta.dirname, 'work.ts'), [url], { execArgv: [...process.execArgv, '--max-semi-space-size=64'] });
  await once(worker, 'message');
  const client = await openSocket(url);
  try {
    return await new Submitters(client).measure(mode);
  } finally {
    await client.dispose();
    worker.disconnect();
  }
}

async function main(mode: Mode): Promise<void> {
  const server = await findPostgres();
  const database = await createLoadDatabase(server);
  try {
    const service = await startService(database.url);
    try {
      console.log(JSON.stringify({ peer: 'assessment-store', mode, ...(await measure(service.url, mode)) }));
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await server.stop();
  }
}

const given = process.argv[2] ?? 'closed';
const mode = modes.find((name) => name === given);
if (mode === undefined) throw new Error(`the mode is ${modes.join(' or ')}, not "${given}"`);
await main(mode);
