// One assessment's lifecycle here and at the peers, by turns on the same machine and the same PostgreSQL: a table. See README.md.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPostgres, type PostgresServer } from './support/database.ts';
import { printTable, shown } from './support/figures.ts';

const peersFolder = process.env['PEERS'] || join(import.meta.dirname, '..', '..', 'shared', 'bench', 'peers');
const own = 'assessment-store';
/** What is run for each mode: our script with its arguments, and the peers. */
const runs = {
  closed: { script: 'lifecycle.ts', ways: ['closed'], peers: ['dbos', 'graphile', 'bullmq-pg', 'bullmq-redis'] },
  open: { script: 'lifecycle.ts', ways: ['open'], peers: ['dbos', 'graphile', 'bullmq-pg', 'bullmq-redis'] },
  backlog: { script: 'backlog.ts', ways: ['store', 'api'], peers: ['bullmq-redis', 'graphile', 'bullmq-pg', 'pgboss'] },
} as const;
type Mode = keyof typeof runs;
const allPeers = [...new Set(Object.values(runs).flatMap(({ peers }) => peers))];
const given = process.argv.slice(2);
const modes = (Object.keys(runs) as Mode[]).filter((mode) => given.length === 0 || given.includes(mode));
/** The database that lifecycle.mjs makes for a peer, and leaves. */
const databaseOf = (peer: string): string => `bench_${peer.replace('-', '_')}`;

/** What each promises to those who submit and wait; without it the figures say little. */
const promises: Record<string, string> = {
  [own]: 'a service; on disk before the answer, every change audited; who waits is told, also when late or after a lost connection',
  'bullmq-redis': 'a library; jobs are as safe as Redis keeps them, which by default is not on disk when they are acknowledged',
  graphile: 'a library; the job is on disk, its result is not kept; the submitter polls (every 5 ms here)',
  pgboss: 'a library; job and result are on disk; workers poll',
  'bullmq-pg': 'a library; the job is on disk; the submitter waits for an event (the waits that it gave up after 15 s count as never)',
  dbos: 'a library; workflow and result are on disk; the submitting process is the worker too, so nothing is handed over',
};

/** What a run of lifecycle.ts or lifecycle.mjs prints. */
interface Figures {
  peer: string;
  mode: string;
  per_s: number;
  p50_ms: number;
  p99_ms: number;
  over_1s: number;
  never: number;
  submit_per_s?: number;
  drain_per_s?: number;
}

/** Runs a script of Node's, and gives the JSON of its last line. @throws Error when it fails. */
async function figuresOf(script: string, args: readonly string[], cwd: string, variables: Record<string, string>): Promise<Figures> {
  const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
    cwd,
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with exit code ${code}`);
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '');
}

/** A copy of the peers' folder with its packages installed; undefined, with a line that says why, when there is none to be had. */
async function installPeers(): Promise<string | undefined> {
  if (!existsSync(join(peersFolder, 'lifecycle.mjs'))) {
    console.log(`There are no peers at ${peersFolder} (PEERS names another folder): these are our own figures alone.`);
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-peers-'));
  try {
    await cp(peersFolder, folder, { recursive: true });
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    console.log(`The peers could not be installed (${error instanceof Error ? error.message : error}): these are our own figures alone.`);
    return undefined;
  }
}

async function measureAll(server: PostgresServer, peersAt: string | undefined): Promise<Figures[]> {
  const root = join(import.meta.dirname, '..');
  const ofServer = Object.assign(new URL(server.url), { pathname: '' }).href;
  const all: Figures[] = [];
  for (const mode of modes) {
    for (const way of runs[mode].ways)
      all.push(await figuresOf(join(import.meta.dirname, runs[mode].script), [way], root, { DATABASE_URL: server.url }));
    for (const peer of peersAt === undefined ? [] : runs[mode].peers) {
      const measured = figuresOf(join(peersAt ?? '', 'lifecycle.mjs'), [peer, mode], peersAt ?? '', { PG: ofServer });
      const figures = await measured.catch((error: unknown) => console.log(`${peer} ${mode} could not be measured:`, error));
      if (figures) all.push(figures);
    }
  }
  return all;
}

const row = ({ peer, mode, per_s, p50_ms, p99_ms, over_1s, never }: Figures): string[] => [
  ...[peer, mode, shown(per_s), shown(p50_ms, ' ms'), shown(p99_ms, ' ms')],
  ...[String(over_1s), String(never)],
];

function report(all: readonly Figures[]): void {
  const waits = all.filter(({ mode }) => mode !== 'backlog');
  if (waits.length > 0) {
    console.log('submit, worker completes, submitter knows');
    printTable([['', 'mode', 'completions/s', 'p50', 'p99', 'over 1 s', 'never'], ...waits.map(row)]);
  }
  const backlogs = all.filter(({ mode }) => mode === 'backlog');
  if (backlogs.length > 0) {
    console.log('a backlog: submitted in bulk, then drained by one worker process');
    const rates = backlogs.map(({ peer, submit_per_s, drain_per_s }) => [peer, shown(submit_per_s), shown(drain_per_s)]);
    printTable([['', 'submitted/s', 'drained/s'], ...rates]);
  }
}

async function main(): Promise<void> {
  const server = await findPostgres();
  const peersAt = await installPeers();
  try {
    const all = await measureAll(server, peersAt);
    console.log(`Node ${process.versions.node}, ${server.name}`);
    report(all);
    for (const peer of new Set(all.map((figures) => figures.peer)))
      console.log(`${peer}: ${promises[peer.replace(/ .*/, '')] ?? 'see its documentation'}`);
  } finally {
    if (peersAt !== undefined) {
      await rm(peersAt, { recursive: true, force: true });
      for (const peer of allPeers) await server.dropDatabase(databaseOf(peer));
    }
    await server.stop();
  }
}

await main();
