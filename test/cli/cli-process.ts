import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How a command ended, and what it printed. */
export interface CliEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** The built command line as a process of its own, in pipes. */
export interface Cli {
  readonly pid: number;
  /** What it has printed so far. */
  printed(): { out: string; err: string };
  signal(signal: NodeJS.Signals): void;
  /** Types this on its terminal. */
  type(text: string): void;
  /** Reads no more of what it prints, as `head` does when it has enough. */
  stopReading(): void;
  /** Waits for its end. */
  end(): Promise<CliEnd>;
}

export interface CliOptions {
  /** Its environment beside PATH; nothing else is in it. */
  env?: Record<string, string>;
  /** The program; default: what is built here. */
  main?: string;
  /** Its standard input. */
  input?: string;
  cwd?: string;
  /** Reads its standard output with pauses of so many milliseconds, for which what it prints has to wait. */
  pauseMs?: number;
}

/** Starts `assessment-store` with these arguments. */
export const startCli = (args: readonly string[], { main = built, ...options }: CliOptions = {}): Cli =>
  startProgram(process.execPath, [main, ...args], options);

/** The same on a terminal of its own (80 columns, 24 rows), which `script` makes; standard output and standard error are then one. */
export const startOnTerminal = (args: readonly string[], { env, ...options }: CliOptions = {}): Cli => {
  const command = [process.execPath, built, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const sized = `stty cols 80 rows 24; exec ${command}`;
  const arguments_ = process.platform === 'linux' ? ['-qefc', sized, '/dev/null'] : ['-q', '/dev/null', '/bin/sh', '-c', sized];
  return startProgram('script', arguments_, { env: { TERM: 'xterm-256color', SHELL: '/bin/sh', ...env }, ...options });
};

function startProgram(command: string, args: readonly string[], { env, input, cwd = tmpdir(), pauseMs }: CliOptions): Cli {
  const child = spawn(command, args, { cwd, env: { PATH: process.env['PATH'], ...env }, stdio: 'pipe' });
  // Where nothing is to be read it stays open, as that of a shell does.
  if (input !== undefined) child.stdin.end(input);
  child.stdin.on('error', () => {}); // it may end before it has read all
  const text = { out: '', err: '' };
  for (const [name, stream] of [['out', child.stdout] as const, ['err', child.stderr] as const]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  if (pauseMs !== undefined) child.stdout.on('data', () => setTimeout(() => child.stdout.resume(), pauseMs) && child.stdout.pause());
  const closed = once(child, 'close');
  return {
    pid: child.pid ?? 0,
    printed: () => ({ ...text }),
    signal: (signal) => void child.kill(signal),
    type: (text) => void child.stdin.write(text),
    stopReading: () => void child.stdout.destroy(),
    end: async () => {
      await closed;
      return { code: child.exitCode, signal: child.signalCode, ...text };
    },
  };
}

/** Runs `assessment-store` to its end. */
export const runCli = (args: readonly string[], options?: CliOptions): Promise<CliEnd> => startCli(args, options).end();

/** The JSON values that were printed, one a line. */
export const valuesOf = <Value = Record<string, unknown>>(out: string): Value[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Value);
