// So many waits are open in one process, then all that they wait for ends in a burst: memory for each, how long until each is told, and
// whether anybody is left waiting. See README.md.
//   tsx load/waits.ts api|store
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Client } from 'graphql-ws';
import { migrate } from '../src/database/migrate.ts';
import { openStore } from '../src/store/index.ts';
import { createLoadDatabase, findPostgres } from './support/database.ts';
import { printTable, quantile, shown } from './support/figures.ts';
import { operations, smallRequestOf } from './support/operations.ts';
import { startService } from './support/service.ts';
import { setting } from './support/settings.ts';
import { openSocket, run } from './support/socket.ts';

const ways = ['api', 'store'] as const;
type Way = (typeof ways)[number];

const total = setting('WAITS', 10_000);
const sockets = setting('SOCKETS', 100);
/** So many are completed by one batch; the batches follow each other without a pause. */
const atOnce = setting('BATCH', 500);
/** Longer than this after the last completion nobody waits. */
const patienceMs = setting('PATIENCE', 30) * 1_000;
const actor = { tenantId: 'default', subject: 'load' };
const log = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };
const completions =
  'mutation ($completions: [CompleteAssessmentInput!]!) { batchCompleteAssessments(input: { completions: $completions }) { results { __typename } } }';
const completionsOf = (some: readonly string[]) => some.map((assessmentId) => ({ assessmentId, result: { score: 91 } }));
const ids = Array.from({ length: total }, (_, number) => `wait-${String(number).padStart(6, '0')}`);

/** Who waits for all of them: each in its own way. */
interface Crowd {
  /** Opens all waits; resolves when every one is there, having read how its assessment stands. */
  open(): Promise<void>;
  /** When each was told of the end, by `performance.now()`. */
  readonly told: ReadonlyMap<string, number>;
  /** Completes these in one batch, in the process that keeps the waits. */
  complete(ids: readonly string[]): Promise<void>;
  /** What the process that keeps the waits holds, in bytes. */
  memory(): Promise<{ rss: number; heapUsed: number; external: number }>;
  close(): Promise<void>;
}

/** Subscriptions to `assessmentUpdated`, spread over the sockets, to the service in its own process. */
async function overApi(databaseUrl: string): Promise<Crowd> {
  const service = await startService(databaseUrl);
  const worker = await openSocket(service.url);
  const clients: Client[] = [];
  for (let opened = 0; opened < sockets; opened++) clients.push(await openSocket(service.url));
  const told = new Map<string, number>();
  const wait = (id: string, client: Client): Promise<void> =>
    new Promise((resolve, reject) => {
      let isTerminal = false;
      client.subscribe<{ assessmentUpdated: { assessment: { terminal: boolean } } }>(
        { query: operations.updates, variables: { id } },
        {
          next: ({ data, errors }) => {
            if (errors) reject(new Error(JSON.stringify(errors)));
            isTerminal = data?.assessmentUpdated.assessment.terminal ?? false;
            if (isTerminal) told.set(id, performance.now());
            resolve();
          },
          error: (reason) => reject(reason instanceof Error ? reason : new Error(JSON.stringify(reason))),
          complete: () => isTerminal || reject(new Error(`${id}: completed before its end`)),
        },
      );
    });
  return {
    open: () => inChunks(ids, (id, index) => wait(id, clients[index % clients.length] as Client)),
    told,
    complete: async (some) => {
      const { results } = await run(worker, completions, { completions: completionsOf(some) });
      refuseErrors(results as { __typename: string }[], ({ __typename }) => __typename.endsWith('Error'));
    },
    memory: service.memory,
    close: async () => {
      await Promise.all([worker, ...clients].map((client) => client.dispose()));
      await service.stop();
    },
  };
}

/** `waitForCompletion` of the store, in this process. */
async function onStore(databaseUrl: string): Promise<Crowd> {
  await migrate({ databaseUrl, log });
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let reads = 0;
  const onStatement = (sql: string): void => {
    if (sql.includes('/* readByKeys */')) reads += 1;
  };
  const store = await openStore({ databaseUrl, log, onStatement });
  const told = new Map<string, number>();
  return {
    open: async () => {
      for (const assessmentId of ids) {
        const ended = store.waitForCompletion({ assessmentId, timeoutMs: 600_000 }, actor);
        ended.then(
          () => told.set(assessmentId, performance.now()),
          (error: unknown) => console.error(`${assessmentId}: ${String(error)}`),
        );
      }
      // Every wait is there when the reads that it began with have been answered: no more of them for a second.
      for (let seen = -1; seen !== reads; await new Promise((resolve) => setTimeout(resolve, 1_000))) seen = reads;
    },
    told,
    complete: async (some) => refuseErrors(await store.batchCompleteAssessments({ completions: completionsOf(some) }, actor), isError),
    memory: async () => {
      for (let time = 0; time < 3; time++) {
        collect();
        await new Promise(setImmediate);
      }
      return process.memoryUsage();
    },
    close: () => store.stop(),
  };
}

const isError = (result: unknown): boolean => result instanceof Error;

function refuseErrors<Result>(results: readonly Result[], isRefusal: (result: Result) => boolean): void {
  const refused = results.find(isRefusal);
  if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`);
}

/** A few hundred at a time: what is measured is not how fast they can be opened. */
async function inChunks(items: readonly string[], begin: (item: string, index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += 200)
    await Promise.all(items.slice(from, from + 200).map((item, index) => begin(item, from + index)));
}

/** Creates and starts all of them, so that each can be completed. */
async function prepare(databaseUrl: string): Promise<void> {
  const store = await openStore({ databaseUrl, log });
  for (let from = 0; from < total; from += 1_000) {
    const some = ids.slice(from, from + 1_000);
    const assessments = some.map(smallRequestOf) as Parameters<typeof store.batchCreateAssessments>[0]['assessments'];
    refuseErrors(await store.batchCreateAssessments({ assessments }, actor), isError);
    await Promise.all(some.map((assessmentId) => store.startProcessing({ assessmentId }, actor)));
  }
  await store.stop();
}

/** Completes all of them in batches; gives when each batch was sent, and when the last was answered. */
async function completeAll(crowd: Crowd): Promise<{ sent: Map<string, number>; answered: number }> {
  const sent = new Map<string, number>();
  for (let from = 0; from < total; from += atOnce) {
    const some = ids.slice(from, from + atOnce);
    for (const id of some) sent.set(id, performance.now());
    await crowd.complete(some);
  }
  return { sent, answered: performance.now() };
}

async function allTold(crowd: Crowd): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (crowd.told.size < total && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function measure(way: Way, databaseUrl: string): Promise<boolean> {
  const crowd = await (way === 'api' ? overApi(databaseUrl) : onStore(databaseUrl));
  try {
    await prepare(databaseUrl);
    const before = await crowd.memory();
    await crowd.open();
    const after = await crowd.memory();
    const { sent, answered } = await completeAll(crowd);
    await allTold(crowd);
    report(way, { before, after, crowd, sent, answered });
    return crowd.told.size === total;
  } finally {
    await crowd.close();
  }
}

type Memory = Awaited<ReturnType<Crowd['memory']>>;

function report(
  way: Way,
  { before, after, crowd, sent, answered }: { before: Memory; after: Memory; crowd: Crowd; sent: Map<string, number>; answered: number },
): void {
  const each = (part: keyof Memory): string => shown((after[part] - before[part]) / total / 1_024, ' KiB');
  const latencies = [...crowd.told].map(([id, at]) => at - (sent.get(id) ?? Number.NaN));
  const begun = Math.min(...sent.values());
  printTable([
    ['', 'heap each', 'memory each', 'told p50', 'p99', 'longest', 'all completed after', 'all told after', 'unresolved'],
    [
      `${shown(total)} waits (${way})`,
      ...[each('heapUsed'), each('rss')],
      ...[0.5, 0.99, 1].map((p) => shown(quantile(latencies, p), ' ms')),
      shown(answered - begun, ' ms'),
      shown(Math.max(...crowd.told.values()) - begun, ' ms'),
      String(total - crowd.told.size),
    ],
  ]);
}

const given = process.argv[2] ?? 'api';
const way = ways.find((name) => name === given);
if (way === undefined) throw new Error(`the way is ${ways.join(' or ')}, not "${given}"`);
const server = await findPostgres();
const database = await createLoadDatabase(server);
try {
  process.exitCode = (await measure(way, database.url)) ? 0 : 1;
} finally {
  await database.drop();
  await server.stop();
}
