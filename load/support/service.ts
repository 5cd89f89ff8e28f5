import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** The real service as a process of its own, without authentication. */
export interface Service {
  /** The GraphQL API. */
  url: string;
  /** The processor time that it has used, in milliseconds. */
  cpuMs(): Promise<number>;
  /** What it holds after a collection of garbage, in bytes: its whole memory, and the heap and the buffers in it. */
  memory(): Promise<Record<'rss' | 'heapUsed' | 'external', number>>;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '..', '..');
const readyWithinMs = 60_000;

// Loaded into the service before its own code: answers each message with the processor time, or the memory, so that no tool of the system is needed.
const report = `data:text/javascript,${encodeURIComponent(`
  process.on('message', async (asked) => {
    if (asked === 'memory') for (let time = 0; time < 3; time++) { gc(); await new Promise(setImmediate); }
    process.send(asked === 'memory' ? process.memoryUsage() : process.cpuUsage());
  });
  process.channel.unref();`)}`;

/** With CPU_PROF the service writes a profile into that folder when it stops. */
const profiling = process.env['CPU_PROF'] ? ['--cpu-prof', `--cpu-prof-dir=${process.env['CPU_PROF']}`] : [];

/**
 * Starts what `npm run build` has built on a free port, and waits until it is ready. Variables of the environment, such as
 * COMMAND_CONCURRENCY, reach it.
 * @throws Error when nothing is built, or it does not become ready within a minute.
 */
export async function startService(databaseUrl: string): Promise<Service> {
  const main = join(root, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error('there is nothing to measure yet: run `npm run build` first');
  const port = await freePort();
  // As `npm start` does.
  const child = spawn(process.execPath, ['--max-semi-space-size=64', '--expose-gc', ...profiling, '--import', report, main], {
    cwd: root,
    env: {
      ...process.env,
      // Not production, which would ask for tokens.
      ...{ NODE_ENV: 'development', GRAPHIQL: 'false', LOG_LEVEL: 'warn', HOST: '127.0.0.1' },
      ...{ PORT: String(port), DATABASE_URL: databaseUrl },
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const killed = (): void => void child.kill('SIGKILL');
  process.once('exit', killed);
  await becomeReady(child, `http://127.0.0.1:${port}/health/ready`);
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    cpuMs: async () => {
      child.send('cpu');
      const [{ user, system }] = await once(child, 'message');
      return (user + system) / 1000;
    },
    memory: async () => {
      child.send('memory');
      const [usage] = await once(child, 'message');
      return usage;
    },
    stop: async () => {
      process.removeListener('exit', killed);
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function becomeReady(child: ChildProcess, healthUrl: string): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const answer = await fetch(healthUrl).catch(() => undefined);
    if (answer?.ok) return;
    if (child.exitCode !== null) throw new Error(`the service ended with exit code ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error(`the service was not ready within ${readyWithinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}
