import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

/** Whether there is no redis-server on the PATH. */
export const isRedisMissing = (): boolean => spawnSync('redis-server', ['--version']).error !== undefined;

/** A Redis of a test's own, which it may hang, kill and start again on the same port. */
export interface OwnRedis {
  url: string;
  /** Sends a signal: SIGSTOP hangs it, SIGCONT lets it go on. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it as a power failure would. */
  kill(): Promise<void>;
  /** Starts it again, empty. */
  start(): Promise<void>;
  /** Cuts the connections that publish (normal) or those that listen (pubsub); it takes new ones at once. */
  cutConnections(type: 'normal' | 'pubsub'): Promise<void>;
}

export async function startOwnRedis(): Promise<OwnRedis> {
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
      stdio: 'ignore',
    });
    await eventually('Redis takes connections', () => takesConnections(port));
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    signal: (signal) => void server?.kill(signal),
    kill: async () => {
      if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
    start,
    cutConnections: async (type) => {
      const operator = new Redis({ port });
      await operator.client('KILL', 'TYPE', type, 'SKIPME', 'yes');
      operator.disconnect();
    },
  };
}

const takesConnections = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
