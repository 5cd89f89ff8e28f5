// What a feed that many subscribers share costs beside a bare broadcast of the same bytes, and beside graphql-ws as its documentation has
// it: processor time of each server in its own process, by turns, in one run. See README.md.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Client } from 'graphql-ws';
import { createLoadDatabase, findPostgres } from './support/database.ts';
import { printTable, quantile } from './support/figures.ts';
import { operations, smallRequestOf } from './support/operations.ts';
import { openReaders, type Readers } from './support/readers.ts';
import { type Service, startService } from './support/service.ts';
import { setting } from './support/settings.ts';
import { openSocket, run } from './support/socket.ts';

const promised = 2;
const subscribers = setting('SUBSCRIBERS', 1_000);
const events = setting('EVENTS', 40);
const rounds = setting('ROUNDS', 5);
/** So many changes are committed together. */
const burst = setting('BURST', 1);
const progress =
  'mutation ($updates: [UpdateProgressInput!]!) { batchUpdateProgress(input: { updates: $updates }) { results { __typename } } }';
const start = 'mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }';

/** A server, and what makes it tell everybody of so many events in one go. */
interface Subject {
  name: string;
  readers: Readers;
  cpuMs: () => Promise<number>;
  tell: () => Promise<void>;
  /** How many in a round. */
  events: number;
}

const ids = Array.from({ length: burst }, (_, number) => `shared-feed-${String(number).padStart(2, '0')}`);

/** The service, whose feed tells of the progress of a few assessments, and what the changes cost it without subscribers. */
async function ours(service: Service, client: Client): Promise<Subject & { changeMs: number }> {
  for (const id of ids) {
    await run(client, operations.create, { input: smallRequestOf(id) });
    await run(client, start, { id });
  }
  let step = 0;
  const tell = async (): Promise<void> => {
    step += 1;
    const updates = ids.map((assessmentId) => ({ assessmentId, progress: 1, message: `step ${step} of many` }));
    await run(client, progress, { updates });
  };
  const change = async (): Promise<number> => {
    const before = await service.cpuMs();
    for (let changed = 0; changed < events; changed += burst) await tell();
    return ((await service.cpuMs()) - before) / events;
  };
  await change(); // warms up
  const changeMs = await change();
  const readers = await openReaders(service.url, subscribers, await cursorNow(service.url));
  return { name: 'the service', readers, cpuMs: service.cpuMs, tell, events, changeMs };
}

/** Where a feed begins that brings all that follows; so nobody misses an event whose subscription takes a moment. */
async function cursorNow(url: string): Promise<string> {
  const answer = await fetch(`${url}?query={feedCursor}`, { headers: { accept: 'application/json' } });
  const { data } = (await answer.json()) as { data: { feedCursor: string } };
  return data.feedCursor;
}

/** A server of broadcast.ts, which is told what the service has sent. */
async function peer(name: string, child: ChildProcess, texts: () => readonly string[]): Promise<Subject> {
  const [url] = (await once(child, 'message')) as [string];
  return {
    name,
    readers: await openReaders(url, subscribers),
    cpuMs: async () => {
      child.send('cpu');
      const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage];
      return (user + system) / 1000;
    },
    tell: async () => void child.send({ texts: texts() }),
    events: name === 'bare ws' ? events : Math.ceil(events / 10), // or the run would be long
  };
}

/** Processor time of the server for each event that it tells everybody, in milliseconds. One burst after the other has reached all. */
async function measure({ readers, cpuMs, tell, events }: Subject): Promise<number> {
  const before = await cpuMs();
  let told = 0;
  for (; told < events; told += burst) {
    const reached = readers.reached(burst);
    await tell();
    await reached;
  }
  return ((await cpuMs()) - before) / told;
}

async function measureByTurns(subjects: readonly Subject[]): Promise<Map<string, number[]>> {
  const measured = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++)
    for (const subject of subjects) {
      const ms = await measure(subject);
      if (round > 0) measured.get(subject.name)?.push(ms); // the first warms up
    }
  return measured;
}

const median = (values: readonly number[] | undefined): number => quantile(values ?? [], 0.5) ?? Number.NaN;

/** Prints the figures; gives how many times as much as the bare broadcast the service costs. */
function report(subjects: readonly Subject[], measured: ReadonlyMap<string, readonly number[]>): number {
  const bare = measured.get('bare ws') ?? [];
  const ratios = (name: string): number[] => (measured.get(name) ?? []).map((ms, round) => ms / (bare[round] ?? Number.NaN));
  printTable([
    ['', 'CPU for each event', 'of the bare broadcast', 'bytes for each event'],
    ...subjects.map(({ name, readers }) => [
      name,
      `${median(measured.get(name)).toFixed(2)} ms`,
      `${median(ratios(name)).toFixed(2)} times`,
      String(Math.round(readers.bytes / readers.messages)),
    ]),
  ]);
  return median(ratios('the service'));
}

async function main(): Promise<boolean> {
  const server = await findPostgres();
  const database = await createLoadDatabase(server);
  const children = ['bare', 'stock'].map((way) =>
    fork(join(import.meta.dirname, 'broadcast.ts'), [way], { execArgv: [...process.execArgv, '--max-semi-space-size=64'] }),
  );
  try {
    const service = await startService(database.url);
    const client = await openSocket(service.url);
    try {
      const [bare, stock] = children as [ChildProcess, ChildProcess];
      const own = await ours(service, client);
      const texts = (): readonly string[] => own.readers.latest;
      const subjects = [own, await peer('bare ws', bare, texts), await peer('stock graphql-ws', stock, texts)];
      console.log(
        `${subscribers} subscribers, a socket each; ${rounds} rounds of ${events} events, ${burst} at a time, Node ${process.versions.node}`,
      );
      const ratio = report(subjects, await measureByTurns(subjects));
      console.log(`${own.changeMs.toFixed(2)} ms of that are the change itself, which the service makes without subscribers too`);
      console.log(`the shared feed costs ${ratio.toFixed(2)} times a bare broadcast (promised: at most ${promised})`);
      for (const { readers } of subjects) readers.close();
      return ratio <= promised;
    } finally {
      await client.dispose();
      await service.stop();
    }
  } finally {
    for (const child of children) child.disconnect();
    await database.drop();
    await server.stop();
  }
}

process.exitCode = (await main()) ? 0 : 1;
