import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The demo as a process of its own, in a pipe. */
export interface Demo {
  /** What it has printed so far. */
  printed(): { out: string; err: string };
  interrupt(): void;
  /** Waits for its end. */
  end(): Promise<{ code: number | null; out: string; err: string }>;
}

/** Starts the demo with nothing in its environment but what is given. */
export function startDemo(args: string[], environment: Record<string, string>): Demo {
  const child = spawn(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.err += chunk;
  });
  const ended = once(child, 'close');
  return {
    printed: () => ({ ...text }),
    interrupt: () => void child.kill('SIGINT'),
    end: async () => {
      await ended;
      return { code: child.exitCode, ...text };
    },
  };
}

/** Runs the demo to its end. */
export const runDemo = (args: string[], environment: Record<string, string>): ReturnType<Demo['end']> => startDemo(args, environment).end();
