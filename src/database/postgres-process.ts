import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { DatabaseLog } from './log.ts';
import { type Account, programEnvironment } from './run-command.ts';

export interface PostgresExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface PostgresProcess {
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<PostgresExit>;
  /** Fast shutdown: rolls back what is open, writes a checkpoint, ends; after 15 s a quick one that leaves recovery to the next start. */
  stop(): Promise<void>;
}

export interface LaunchOptions {
  readonly postgres: string;
  readonly cluster: string;
  readonly account: Account;
  readonly log: DatabaseLog;
}

/** The server ended before it was ready. `output` is what it said. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  readonly output: string;

  constructor(output: string) {
    super(`PostgreSQL did not start: ${output}`);
    this.output = output;
  }
}

/** Recovery after a crash replays what was written since the last checkpoint: seconds, at worst a minute or two. */
const readyWithinMs = 180_000;
const fastShutdownMs = 15_000;
const quickShutdownMs = 10_000;
const outputLinesKept = 40;

/**
 * Starts the server on a free port of 127.0.0.1 and waits until it takes connections.
 * @throws LaunchError when it ends before that, or is not ready in time.
 */
export async function launchPostgres({ postgres, cluster, account, log }: LaunchOptions): Promise<PostgresProcess> {
  const port = await findFreePort();
  // detached: a process group of its own, so that Ctrl-C reaches only the service, which drains first and stops PostgreSQL last.
  const child = spawn(postgres, serverArguments(cluster, port), {
    ...account,
    cwd: '/',
    env: programEnvironment,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const endWithUs = () => child.kill('SIGINT');
  process.once('exit', endWithUs);
  const exited = whenExited(child).finally(() => process.off('exit', endWithUs));
  let stopping = false;
  const stop = async () => {
    stopping = true;
    await stopChild(child, exited);
  };
  await untilReady(child, exited, stop, (line) => forward(line, log, stopping));
  return { port, pid: child.pid ?? 0, exited, stop };
}

function serverArguments(cluster: string, port: number): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '100',
    shared_buffers: '128MB',
    fsync: 'on',
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    password_encryption: 'scram-sha-256',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: '',
    log_min_messages: 'warning',
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
  };
  return ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function untilReady(
  child: ChildProcess,
  exited: Promise<PostgresExit>,
  stop: () => Promise<void>,
  onLine: (line: string) => void,
): Promise<void> {
  const output: string[] = [];
  let ready = false;
  const announced = new Promise<true>((resolve) => {
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (ready) return onLine(line);
      output.push(line);
      output.splice(0, output.length - outputLinesKept);
      if (line.includes('database system is ready to accept connections')) resolve(true);
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, readyWithinMs, 'late');
  });
  const first = await Promise.race([announced, exited, tooLate]);
  clearTimeout(timer);
  ready = true;
  if (first === true) return;
  if (first === 'late') await stop();
  throw new LaunchError(output.join('\n') || `the program could not be run (${JSON.stringify(first)})`);
}

function whenExited(child: ChildProcess): Promise<PostgresExit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    // close, not exit: by then its last words have been read.
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

async function stopChild(child: ChildProcess, exited: Promise<PostgresExit>): Promise<void> {
  for (const [signal, withinMs] of [
    ['SIGINT', fastShutdownMs],
    ['SIGQUIT', quickShutdownMs],
  ] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    child.kill(signal);
    if (await settledWithin(exited, withinMs)) return;
  }
  child.kill('SIGKILL');
  await exited;
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  return Promise.race([promise.then(() => true), late]).finally(() => clearTimeout(timer));
}

/** Errors of statements have reached their client already, and LOG lines are routine: only warnings and what ends a connection or the server remain. */
function forward(line: string, log: DatabaseLog, stopping: boolean): void {
  const [, severity, message] = /^(WARNING|FATAL|PANIC): +(.*)$/.exec(line) ?? [];
  if (severity === undefined || message === undefined) return;
  if (severity === 'PANIC') log.error({ postgres: severity }, message);
  else if (!stopping) log.warn({ postgres: severity }, message);
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
