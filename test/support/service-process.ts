import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identifyProcess } from '../../src/database/process-identity.ts';
import { eventually } from './eventually.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist/main.js');

/** How a process ended, and what it printed. */
export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** The built service as a process of its own. */
export interface ServiceProcess {
  pid: number;
  /** What it has printed so far. */
  printed(): { out: string; err: string };
  /** Resolves with the URL of the API when the service says that it is ready; throws when it ends before that, or it takes too long. */
  ready(withinMs?: number): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** Waits for its end. */
  ended(): Promise<End>;
  /** Sends the signal, and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<End>;
}

const running = new Set<ServiceProcess>();

/** Starts `node dist/main.js` on a free port, with nothing in its environment but what is given. */
export const startService = (environment: Record<string, string>): ServiceProcess =>
  startProcess(process.execPath, [main], tmpdir(), environment);

/** Starts `npm start`, without building first: other tests run what is built. */
export const startByNpm = (environment: Record<string, string>): ServiceProcess =>
  startProcess('npm', ['start', '--ignore-scripts'], root, environment);

function startProcess(command: string, args: string[], cwd: string, environment: Record<string, string>): ServiceProcess {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, { cwd, env: { PATH, HOME, PORT: '0', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { out: '', err: '' };
  for (const [name, stream] of [['out', child.stdout] as const, ['err', child.stderr] as const]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  const closed = once(child, 'close');
  const service: ServiceProcess = {
    pid: child.pid ?? 0,
    printed: () => ({ ...text }),
    ready: (withinMs = 40_000) => untilReady(child, text, withinMs),
    signal: (signal) => void child.kill(signal),
    ended: async () => {
      await closed;
      return { code: child.exitCode, signal: child.signalCode, ...text };
    },
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return service.ended();
    },
  };
  running.add(service);
  void closed.then(() => running.delete(service));
  return service;
}

async function untilReady(child: ChildProcess, text: { out: string; err: string }, withinMs: number): Promise<string> {
  const url = await eventually(
    'the service is ready',
    () => {
      if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}:\n${text.out}\n${text.err}`);
      return /ready: the GraphQL API is at (http:[^\s"]+)/.exec(text.out)?.[1];
    },
    withinMs,
  );
  return url;
}

/** Ends what a failed test left running; for `afterAll`. */
export async function endServices(): Promise<void> {
  await Promise.all([...running].map((service) => service.end('SIGKILL')));
}

/** A folder for data that the account of PostgreSQL can reach, should the tests run as root. */
export async function createDataFolder(): Promise<{ dataDir: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-process-'));
  await chmod(folder, 0o755);
  return { dataDir: join(folder, 'postgres'), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The process id of the embedded PostgreSQL that runs, or ran last, on a data folder. */
export async function postgresPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** Whether a process runs under this id; one that has ended and only waits to be collected by its parent does not. */
export const isRunning = async (pid: number): Promise<boolean> => (await identifyProcess(pid)) !== null;

/** Sends an operation to a service that runs as a process. */
export async function sendTo<Data = Record<string, unknown>>(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
  given: Record<string, string> = {},
): Promise<{ data: Data; errors?: { message: string }[] }> {
  const headers = { 'content-type': 'application/json', accept: 'application/json', ...given };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  return (await response.json()) as { data: Data; errors?: { message: string }[] };
}
